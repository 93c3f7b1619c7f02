package portal

// operatorRoutes: clocks, counts and the breach desk, for whoever runs the
// keep. None of them is given a Room, takes a person or a recording, or ends a
// case otherwise than by closing it.
func (p *portal) operatorRoutes() []route {
	rows := []route{
		{method: "GET", pattern: "/operator", on: clocks, operator: p.operator},
		{method: "POST", pattern: "/operator", on: clocks, operator: p.extend, body: formBytes},
		{method: "GET", pattern: "/operator/{secret}", on: clocks, operating: p.operatorForm},
		{method: "POST", pattern: "/operator/{secret}", on: clocks, operating: p.beOperator, body: formBytes},

		{method: "GET", pattern: "/operator/cases", on: clocks, operator: p.cases},
		{method: "GET", pattern: "/operator/cases/{id}", on: breach, operator: p.caseShown},
		{method: "GET", pattern: "/operator/cases/{id}/affected.csv", on: breach, operator: p.affectedFile},
		{method: "GET", pattern: "/operator/cases/{id}/notification", on: breach, operator: p.notification},
		{method: "POST", pattern: "/operator/cases/{id}/notification", on: breach, operator: p.handIn, body: caseBytes},
		{method: "GET", pattern: "/operator/cases/{id}/notification.html", on: breach, operator: p.notificationFile("html")},
		{method: "GET", pattern: "/operator/cases/{id}/notification.pdf", on: breach, operator: p.notificationFile("pdf")},

		{method: "GET", pattern: "/operator/report", on: clocks, operator: p.mailForm},
		{method: "POST", pattern: "/operator/report", on: clocks, operator: p.fileMail, body: letterBytes},

		{method: "GET", pattern: "/operator/register", on: clocks, operator: p.register},
		{method: "GET", pattern: "/operator/register.html", on: clocks, operator: p.registerFile("html")},
		{method: "GET", pattern: "/operator/register.pdf", on: clocks, operator: p.registerFile("pdf")},
		{method: "GET", pattern: "/operator/register.csv", on: clocks, operator: p.registerFile("csv")},
		{method: "GET", pattern: "/operator/register.json", on: clocks, operator: p.registerFile("json")},
		{method: "GET", pattern: "/operator/dpia", on: clocks, operator: p.dpia},
		{method: "GET", pattern: "/operator/dpia.html", on: clocks, operator: p.dpiaFile("html")},
		{method: "GET", pattern: "/operator/dpia.pdf", on: clocks, operator: p.dpiaFile("pdf")},
	}
	for _, name := range caseForms() {
		rows = append(rows, route{method: "POST", pattern: "/operator/cases/{id}/" + name, on: breach, operator: p.onCase(name), body: caseBytes})
	}
	return rows
}
