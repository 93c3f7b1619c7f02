package storetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func agentTokens(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	token := func(agent string) store.AgentToken {
		return store.AgentToken{Agent: agent, Hash: [32]byte(bytesOf(32)), Key: [32]byte(bytesOf(32)), Made: noon}
	}
	first, second, other := token("ONE"), token("ONE"), token("OTHER")
	second.Made = noon.Add(time.Hour)
	update(t, st, func(tx *store.Tx) error {
		err := errors.Join(tx.Agents.PutAgentToken(ctx, first), tx.Agents.PutAgentToken(ctx, other), tx.Agents.PutAgentToken(ctx, second))
		taken := token("THIRD")
		taken.Hash = other.Hash
		wantErr(t, "another agent's token", tx.Agents.PutAgentToken(ctx, taken), store.ErrExists)
		return err
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		for _, want := range []store.AgentToken{second, other} {
			got, err := tx.Agents.AgentToken(ctx, want.Hash)
			wantErr(t, "AgentToken", err, nil)
			equal(t, "AgentToken", got, want)
		}
		for what, hash := range map[string][32]byte{"a token that was replaced": first.Hash, "no token": {}} {
			_, err := tx.Agents.AgentToken(ctx, hash)
			wantErr(t, what, err, store.ErrNotFound)
		}
		return nil
	})
}

func agentMessages(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	first, second := [32]byte(bytesOf(32)), [32]byte(bytesOf(32))
	update(t, st, func(tx *store.Tx) error {
		return errors.Join(tx.Agents.RememberMessage(ctx, first, noon), tx.Agents.RememberMessage(ctx, second, noon.Add(time.Minute)))
	})
	st = reopen() // a restart forgets none
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "a message twice", tx.Agents.RememberMessage(ctx, first, noon.Add(time.Hour)), store.ErrExists)
		n, err := tx.Agents.ExpireMessages(ctx, noon)
		wantErr(t, "ExpireMessages", err, nil)
		equal(t, "ExpireMessages at their end", n, 0)
		n, err = tx.Agents.ExpireMessages(ctx, noon.Add(time.Millisecond))
		wantErr(t, "ExpireMessages", err, nil)
		equal(t, "ExpireMessages after it", n, 1)
		wantErr(t, "a message that was forgotten", tx.Agents.RememberMessage(ctx, first, noon), nil)
		wantErr(t, "one that was not", tx.Agents.RememberMessage(ctx, second, noon), store.ErrExists)
		return nil
	})
}

func agentRequests(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	request := func(agent string, received time.Time) store.AgentRequest {
		return store.AgentRequest{ID: hearkeep.NewID[hearkeep.AgentRequestID](), Agent: agent, Exercise: "access", State: "waiting",
			Sealed: bytesOf(90), Received: received, Due: received.AddDate(0, 1, 0)}
	}
	first, second, theirs := request("ONE", noon), request("ONE", noon.Add(time.Minute)), request("OTHER", noon.Add(-time.Minute))
	update(t, st, func(tx *store.Tx) error {
		for _, r := range []store.AgentRequest{first, second, theirs} {
			if err := tx.Agents.InsertAgentRequest(ctx, r); err != nil {
				return err
			}
		}
		taken := request("OTHER", noon)
		taken.ID = first.ID
		wantErr(t, "an id twice", tx.Agents.InsertAgentRequest(ctx, taken), store.ErrExists)
		list, err := tx.Agents.NewAgentRequests(ctx, 10)
		wantErr(t, "NewAgentRequests", err, nil)
		equal(t, "NewAgentRequests, oldest first", list, []store.AgentRequest{theirs, first, second})
		list, err = tx.Agents.NewAgentRequests(ctx, 1)
		equal(t, "a page of them", list, []store.AgentRequest{theirs})
		return err
	})
	first.State, first.Reason, first.Looked, first.Sealed = "denied", "other", true, bytesOf(12)
	first.Account, first.Request = hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.RequestID]()
	first.Due, first.Ended = noon.AddDate(0, 3, 0), noon.Add(time.Hour)
	update(t, st, func(tx *store.Tx) error {
		altered := first
		altered.Exercise, altered.Received = "deletion", noon.AddDate(1, 0, 0)
		wantErr(t, "SetAgentRequest", tx.Agents.SetAgentRequest(ctx, altered), nil)
		stolen := theirs
		stolen.Agent, stolen.State = "ONE", "revoked"
		wantErr(t, "SetAgentRequest of another's", tx.Agents.SetAgentRequest(ctx, stolen), store.ErrNotFound)
		wantErr(t, "SetAgentRequest, absent", tx.Agents.SetAgentRequest(ctx, request("ONE", noon)), store.ErrNotFound)
		return nil
	})
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		for _, want := range []store.AgentRequest{first, second, theirs} {
			got, err := tx.Agents.AgentRequest(ctx, want.Agent, want.ID)
			wantErr(t, "AgentRequest", err, nil)
			equal(t, "AgentRequest", got, want)
		}
		_, err := tx.Agents.AgentRequest(ctx, "ONE", theirs.ID)
		wantErr(t, "another agent's", err, store.ErrNotFound)
		_, err = tx.Agents.AgentRequest(ctx, "one", first.ID)
		wantErr(t, "an agent's in another spelling", err, store.ErrNotFound)
		_, err = tx.Agents.AgentRequest(ctx, "ONE", hearkeep.NewID[hearkeep.AgentRequestID]())
		wantErr(t, "an absent one", err, store.ErrNotFound)

		got, err := tx.Agents.AgentRequestFor(ctx, first.Account, first.Request)
		wantErr(t, "AgentRequestFor", err, nil)
		equal(t, "AgentRequestFor", got, first)
		_, err = tx.Agents.AgentRequestFor(ctx, hearkeep.NewID[hearkeep.AccountID](), first.Request)
		wantErr(t, "AgentRequestFor another account", err, store.ErrNotFound)
		_, err = tx.Agents.AgentRequestFor(ctx, hearkeep.AccountID{}, hearkeep.RequestID{})
		wantErr(t, "AgentRequestFor nobody", err, store.ErrNotFound)

		list, err := tx.Agents.NewAgentRequests(ctx, 10)
		wantErr(t, "NewAgentRequests", err, nil)
		equal(t, "NewAgentRequests, without what was looked for", list, []store.AgentRequest{theirs, second})

		var paged []store.AgentRequest
		for after := (hearkeep.AgentRequestID{}); ; {
			page, err := tx.Agents.OpenAgentRequests(ctx, after, 1)
			if err != nil || len(page) == 0 {
				wantErr(t, "OpenAgentRequests", err, nil)
				break
			}
			paged, after = append(paged, page...), page[0].ID
		}
		want := []store.AgentRequest{second, theirs}
		slices.SortFunc(want, func(a, b store.AgentRequest) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		equal(t, "OpenAgentRequests in pages", paged, want)

		for since, want := range map[time.Time]int{noon: 2, noon.Add(time.Millisecond): 1, noon.Add(time.Hour): 0} {
			n, err := tx.Agents.CountAgentRequests(ctx, "ONE", since)
			wantErr(t, "CountAgentRequests", err, nil)
			equal(t, "CountAgentRequests", n, want)
		}
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		for _, c := range []struct {
			before time.Time
			want   int
		}{{first.Ended, 0}, {first.Ended.Add(time.Millisecond), 1}, {noon.AddDate(10, 0, 0), 0}} {
			n, err := tx.Agents.ExpireAgentRequests(ctx, c.before)
			wantErr(t, "ExpireAgentRequests", err, nil)
			equal(t, "ExpireAgentRequests", n, c.want)
		}
		return nil
	})
}

func confirmedEmails(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	var want []store.Channel
	update(t, st, func(tx *store.Tx) error {
		for i, name := range []string{"anna", "ben"} {
			a := NewAccount(name)
			if err := tx.Identity.InsertAccount(ctx, a); err != nil {
				return err
			}
			for _, c := range []store.Channel{
				{Kind: "email", Confirmed: noon}, {Kind: "email", Confirmed: noon.Add(time.Hour)}, {Kind: "email"}, {Kind: "webhook", Confirmed: noon},
			} {
				c.ID, c.Account, c.Address, c.Created = hearkeep.NewID[hearkeep.ChannelID](), a.ID, bytesOf(80), noon
				if err := tx.Letters.InsertChannel(ctx, c); err != nil {
					return err
				}
				if c.Kind == "email" && !c.Confirmed.IsZero() {
					want = append(want, c)
				}
			}
			equal(t, "confirmed e-mail channels made", len(want), 2*(i+1))
		}
		return nil
	})
	slices.SortFunc(want, func(a, b store.Channel) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	var got []store.Channel
	view(t, st, func(tx *store.Tx) error {
		for after := (hearkeep.ChannelID{}); ; {
			page, err := tx.Agents.ConfirmedEmails(ctx, after, 3)
			if err != nil || len(page) == 0 {
				return err
			}
			got, after = append(got, page...), page[len(page)-1].ID
		}
	})
	equal(t, "ConfirmedEmails in pages", got, want)
}
