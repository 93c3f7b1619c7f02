package portal

import (
	"encoding/base64"
	"strings"
	"testing"
)

// bringInChromium brings an archive on its page: looks at it, hears some of
// it, leaves a stranger's device out, and brings it once more.
func bringInChromium(t *testing.T, c *chromium) {
	h := newHome(t)
	anna := h.person("Anna")
	archive := base64.StdEncoding.EncodeToString(alexaArchive(t, h.speech))
	b := c.tab(t, h.server.URL)
	b.signIn(anna, "Anna")
	choose := func() {
		t.Helper()
		b.open("/bring")
		b.until(`!document.querySelector("#bring-choose").hidden`)
		eval[bool](b, `(() => {
			const bytes = Uint8Array.from(atob("`+archive+`"), (c) => c.charCodeAt(0));
			const all = new DataTransfer();
			all.items.add(new File([bytes], "alexa.zip", { type: "application/zip" }));
			const field = document.querySelector("#bring-files");
			field.files = all.files;
			field.dispatchEvent(new Event("change"));
			return true;
		})()`)
		b.until(`!document.querySelector("#bring-check").hidden`)
	}
	choose()
	text := eval[string](b, `document.querySelector("#bring-check").innerText`)
	want(t, nil, 0, text, "10 recordings", "A1, B7", "Anna’s Echo", "6 recordings", "Fire TV stick", "3 recordings", "cannot be read", canary)
	b.shoot("bring-check")
	eval[bool](b, `(document.querySelectorAll("#bring-samples button")[1].click(), true)`)
	b.until(`document.querySelector("#bring-samples audio")?.duration > 0.5`)
	if n := anna.count(); n != 0 {
		t.Fatalf("%d recordings are kept before anybody said whose they are", n)
	}
	eval[bool](b, `(() => {
		for (const box of document.querySelectorAll("#bring-ticks input")) if (box.labels[0].textContent.startsWith("Anna")) box.click();
		return true;
	})()`)
	want(t, nil, 0, eval[string](b, `document.querySelector("#bring-count").textContent`), "6 recordings of 10 chosen")
	eval[bool](b, `(document.querySelector("#bring-part").requestSubmit(), true)`)
	b.until(`!document.querySelector("#bring-end").hidden`)
	want(t, nil, 0, eval[string](b, `document.querySelector("#bring-end").innerText`), "6 recordings are kept.", "not brought")
	b.shoot("bring-end")
	if n := anna.count(); n != 6 {
		t.Errorf("%d recordings are kept, want 6", n)
	}
	if _, page := anna.get("/"); strings.Contains(page, "Fire TV") {
		t.Error("a stranger's device came along")
	}

	choose()
	eval[bool](b, `(document.querySelector("#bring-all").click(), true)`)
	b.until(`!document.querySelector("#bring-end").hidden`)
	want(t, nil, 0, eval[string](b, `document.querySelector("#bring-end").innerText`), "3 recordings are kept.", "6 recordings were here already.", "1 recording could not be read.")

	choose()
	eval[bool](b, `(document.querySelector("#bring-none").click(), true)`)
	b.until(`!document.querySelector("#bring-foreign").hidden`)
	b.shoot("bring-foreign")
	if n := anna.count(); n != 9 {
		t.Errorf("%d recordings are kept, want 9", n)
	}
}
