package identity

// CookieHash is the key under which a cookie's session is stored.
func CookieHash(cookie string) [32]byte {
	hash, _, _ := splitCookie(cookie)
	return hash
}
