package portal

// rightsRoutes: requests, archives, corrections and restrictions.
func (p *portal) rightsRoutes() []route {
	return []route{
		{method: "GET", pattern: "/rights", on: account, keyholder: p.rights},
		{method: "POST", pattern: "/rights", on: account, keyholder: p.askFor, body: formBytes},
		{method: "GET", pattern: "/rights/requests/{id}", on: request, keyholder: p.request},
		{method: "POST", pattern: "/rights/requests/{id}/confirm", on: request, keyholder: p.confirmRequest, body: formBytes},
		{method: "POST", pattern: "/rights/requests/{id}/withdraw", on: request, keyholder: p.withdrawRequest, body: formBytes},
		{method: "GET", pattern: "/rights/requests/{id}/answer", on: request, keyholder: p.requestAnswer},
		{method: "POST", pattern: "/rights/requests/{id}/archive", on: request, keyholder: p.prepareArchive, body: formBytes, fresh: true},
		{method: "POST", pattern: "/rights/requests/{id}/sealed", on: request, keyholder: p.prepareSealed, body: formBytes, fresh: true},
		{method: "GET", pattern: "/rights/requests/{id}/sealed", on: request, keyholder: p.sealedHere},
		{method: "POST", pattern: "/rights/requests/{id}/code", on: request, keyholder: p.sendCode, body: formBytes},
		{method: "GET", pattern: "/rights/requests/{id}/erase", on: request, keyholder: p.eraseRequestForm, fresh: true},
		{method: "POST", pattern: "/rights/requests/{id}/erase", on: request, keyholder: p.eraseRequest, body: formBytes, fresh: true},
		{method: "POST", pattern: "/rights/requests/{id}/restrict", on: request, keyholder: p.restrictRequest, body: formBytes},
		{method: "POST", pattern: "/rights/requests/{id}/object", on: request, keyholder: p.objectRequest, body: formBytes},
		{method: "POST", pattern: "/rights/requests/{id}/rectified", on: request, keyholder: p.rectifiedRequest, body: formBytes},
		{method: "GET", pattern: "/rights/archives/{id}", on: archive, keyholder: p.openArchive},

		{method: "GET", pattern: "/recordings/{id}/words", on: recording, keyholder: p.wordsForm},
		{method: "POST", pattern: "/recordings/{id}/words", on: recording, keyholder: p.correct, body: wordsBytes},
		{method: "POST", pattern: "/recordings/{id}/restrict", on: recording, keyholder: p.restrictRecording, body: formBytes},
		{method: "POST", pattern: "/restrictions/{id}/lift", on: restriction, keyholder: p.lift, body: formBytes},

		{method: "GET", pattern: "/fetch", anyone: p.fetchForm},
		{method: "POST", pattern: "/fetch", on: ticket, anyone: p.fetch, body: formBytes},
		{method: "GET", pattern: "/fetch/archive", on: ticket, fetching: p.sealedArchive},
	}
}

// wordsBytes is room for a corrected transcript, as a form writes it.
const wordsBytes = 64 << 10
