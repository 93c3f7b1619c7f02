package identity

// AwaitAsks returns when every farewell that was asked for has been looked up.
func (d *Desk) AwaitAsks() {
	for range cap(d.asks) {
		d.asks <- struct{}{}
	}
	for range cap(d.asks) {
		<-d.asks
	}
}
