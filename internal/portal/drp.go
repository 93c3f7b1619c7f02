package portal

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// Most bytes of what an agent signs.
const (
	agentBytes   = 8 << 10  // to be given a token, or to revoke
	requestBytes = 64 << 10 // to ask in somebody's name
)

// agentRoutes: agents that ask in somebody's name (docs/drp.md). Each address
// is taken with a slash at its end too, which agents of older versions write.
// Where no directory of agents was named they are not there.
func (p *portal) agentRoutes() (rows []route) {
	for _, row := range []route{
		{method: "POST", pattern: "/v1/agent/{id}", on: directory, signed: p.pairAgent, body: agentBytes},
		{method: "GET", pattern: "/v1/agent/{id}", on: directory, agent: p.agentInfo},
		{method: "POST", pattern: "/v1/data-rights-request", on: asked, agent: p.exercise, body: requestBytes},
		{method: "GET", pattern: "/v1/data-rights-request/{id}", on: asked, agent: p.exerciseStatus},
		{method: "DELETE", pattern: "/v1/data-rights-request/{id}", on: asked, agent: p.revokeExercise, body: agentBytes},
	} {
		slashed := row
		slashed.pattern += "/{$}"
		rows = append(rows, row, slashed)
	}
	return rows
}

// What agents' routes work on.
const (
	directory object = "agent"           // {id}, the agent whose key or token it is
	asked     object = "agent's request" // {id}, of the agent whose token it is
)

// pairAgent gives an agent a token for a message signed with their key. Every
// failure is 403 and says nothing (2.05.1).
func (p *portal) pairAgent(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	token, err := "", error(nil)
	if body, e := io.ReadAll(r.Body); e != nil {
		err = e
	} else {
		token, err = p.Agents.Pair(r.Context(), id, body)
	}
	if err != nil {
		p.logAgent(r, err)
		w.WriteHeader(http.StatusForbidden)
		return nil
	}
	return tellAgent(w, http.StatusOK, struct {
		Agent string `json:"agent-id"`
		Token string `json:"token"`
	}{id, token})
}

// asAgent admits an agent by their token, or by what they signed, which is for
// the handler to read. What goes wrong is told in the
// protocol's words (3.06), and not in the portal's.
func (p *portal) asAgent(w http.ResponseWriter, r *http.Request, row route) error {
	if p.Agents == nil {
		return errNowhere
	}
	if row.signed != nil {
		return row.signed(w, r)
	}
	err := func() error {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return hearkeep.Errorf(hearkeep.Unauthorized, "This needs the token of an agent.")
		}
		agent, err := p.Agents.Bearer(r.Context(), token)
		if err != nil {
			return err
		}
		return row.agent(w, r, agent)
	}()
	if err == nil {
		return nil
	}
	p.logAgent(r, err)
	return p.failAgent(w, err)
}

// failure is what an agent is told of a failure.
type failure struct {
	Code    string `json:"code"` // the status, in digits
	Message string `json:"message"`
	Fatal   bool   `json:"fatal,omitempty"` // the same message will not be taken later either
}

func (p *portal) failAgent(w http.ResponseWriter, err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = errTooLarge(large.Limit)
	}
	code, message, hint := hearkeep.Explain(err)
	status := statusOf(code)
	fatal := false
	switch code {
	case hearkeep.Invalid:
		status, fatal = http.StatusBadRequest, true
	case hearkeep.Forbidden, hearkeep.TooLarge, hearkeep.Conflict:
		fatal = true
	case hearkeep.Unauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="hearkeep"`)
	}
	if told := (*hearkeep.Error)(nil); errors.As(err, &told) && told.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(told.Wait.Seconds()))))
	}
	if hint != "" {
		message += " " + hint
	}
	return tellAgent(w, status, failure{strconv.Itoa(status), message, fatal})
}

// logAgent tells the operator, whom an agent's people will ask.
func (p *portal) logAgent(r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	if statusOf(hearkeep.CodeOf(err)) >= http.StatusInternalServerError {
		p.Log.Error("an agent's request failed", "route", r.Pattern, "err", err)
		return
	}
	p.Log.Info("an agent's request was refused", "route", r.Pattern, "err", err)
}

func tellAgent(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
	return nil
}

// agentInfo says that a token is in force (2.06).
func (p *portal) agentInfo(w http.ResponseWriter, r *http.Request, agent rights.Agent) error {
	if r.PathValue("id") != agent.ID {
		return hearkeep.Errorf(hearkeep.Forbidden, "This token is not that agent's.")
	}
	return tellAgent(w, http.StatusOK, struct{}{})
}

// exercise takes a request in somebody's name (2.01).
func (p *portal) exercise(w http.ResponseWriter, r *http.Request, agent rights.Agent) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	status, err := p.Agents.Exercise(r.Context(), agent, body)
	if err != nil {
		return err
	}
	return tellAgent(w, http.StatusOK, status)
}

// exerciseStatus says where a request stands (2.02).
func (p *portal) exerciseStatus(w http.ResponseWriter, r *http.Request, agent rights.Agent) error {
	status, err := p.Agents.Status(r.Context(), agent, r.PathValue("id"))
	if err != nil {
		return err
	}
	return tellAgent(w, http.StatusOK, status)
}

// revokeExercise ends a request at its agent's wish (2.04).
func (p *portal) revokeExercise(w http.ResponseWriter, r *http.Request, agent rights.Agent) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	status, err := p.Agents.Revoke(r.Context(), agent, r.PathValue("id"), body)
	if err != nil {
		return err
	}
	return tellAgent(w, http.StatusOK, status)
}

// forAgents reports whether a row is for agents.
func (r route) forAgents() bool { return r.signed != nil || r.agent != nil }
