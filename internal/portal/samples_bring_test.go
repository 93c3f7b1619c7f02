package portal

// bringSamples are the page of an archive that is brought: what it shows of an
// archive is drawn in the browser.
func bringSamples() []sample {
	return []sample{
		{"bring", "bring", &bringPage{framed("Bring your archive", "kept"), "90 days", "90 days"}},
		{"bring-vault", "bring", &bringPage{inVault("Bring your archive", "kept"), "30 days", "30 days"}},
	}
}
