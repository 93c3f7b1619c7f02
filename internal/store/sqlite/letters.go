package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// letters implements store.Letters.
type letters struct{ *tx }

func (l letters) InsertChannel(ctx context.Context, c store.Channel) error {
	return l.put(ctx, "INSERT INTO channels (id, account, kind, address, created, confirmed) VALUES (?, ?, ?, ?, ?, ?)",
		c.ID, c.Account, c.Kind, c.Address, millis(c.Created), millis(c.Confirmed))
}

func (l letters) SetChannel(ctx context.Context, c store.Channel) error {
	return l.change(ctx, "UPDATE channels SET confirmed = ? WHERE account = ? AND id = ?", millis(c.Confirmed), c.Account, c.ID)
}

func (l letters) Channels(ctx context.Context, account hearkeep.AccountID) ([]store.Channel, error) {
	return all(ctx, l.tx, func(row *sql.Rows) (c store.Channel, err error) {
		return c, row.Scan(&c.ID, &c.Account, &c.Kind, &c.Address, scanTime{&c.Created}, scanTime{&c.Confirmed})
	}, "SELECT id, account, kind, address, created, confirmed FROM channels WHERE account = ? ORDER BY created, id", account)
}

func (l letters) DeleteChannel(ctx context.Context, account hearkeep.AccountID, id hearkeep.ChannelID) error {
	return l.change(ctx, "DELETE FROM channels WHERE account = ? AND id = ?", account, id)
}

func (l letters) InsertDelivery(ctx context.Context, d store.Delivery) (int64, error) {
	if !l.write {
		return 0, errReadOnly
	}
	return value[int64](ctx, l.tx, `INSERT INTO deliveries (account, channel, kind, topic, sealed, state, attempts, created, due, sent)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		d.Account[:], d.Channel, d.Kind, d.Topic, d.Sealed, d.State, d.Attempts, millis(d.Created), millis(d.Due), millis(d.Sent))
}

const selectDelivery = "SELECT id, account, channel, kind, topic, sealed, state, attempts, created, due, sent FROM deliveries "

func scanDelivery(row *sql.Rows) (d store.Delivery, err error) {
	return d, row.Scan(&d.ID, &d.Account, &d.Channel, &d.Kind, &d.Topic, &d.Sealed, &d.State, &d.Attempts,
		scanTime{&d.Created}, scanTime{&d.Due}, scanTime{&d.Sent})
}

func (l letters) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]store.Delivery, error) {
	return all(ctx, l.tx, scanDelivery, selectDelivery+"WHERE state = 'queued' AND due <= ? ORDER BY due, id LIMIT ?", millis(now), limit)
}

func (l letters) SpokenDeliveries(ctx context.Context, account hearkeep.AccountID, limit int) ([]store.Delivery, error) {
	return all(ctx, l.tx, scanDelivery, selectDelivery+"WHERE account = ? AND kind = 'spoken' AND state = 'queued' ORDER BY id LIMIT ?", account, limit)
}

func (l letters) SetDelivery(ctx context.Context, d store.Delivery) error {
	return l.change(ctx, "UPDATE deliveries SET state = ?, attempts = ?, due = ?, sent = ?, sealed = ? WHERE id = ?",
		d.State, d.Attempts, millis(d.Due), millis(d.Sent), d.Sealed, d.ID)
}

func (l letters) Delivery(ctx context.Context, id int64) (store.Delivery, error) {
	return one(ctx, l.tx, scanDelivery, selectDelivery+"WHERE id = ?", id)
}

func (l letters) Deliveries(ctx context.Context, account hearkeep.AccountID, limit int) ([]store.Delivery, error) {
	return all(ctx, l.tx, scanDelivery, selectDelivery+"WHERE account = ? ORDER BY id DESC LIMIT ?", account, limit)
}

func (l letters) CountDeliveries(ctx context.Context, state string) (int, error) {
	return value[int](ctx, l.tx, "SELECT count(*) FROM deliveries WHERE state = ?", state)
}

func (l letters) ExpireDeliveries(ctx context.Context, before time.Time) (int, error) {
	n, err := l.exec(ctx, "DELETE FROM deliveries WHERE state <> 'queued' AND max(sent, due) < ?", millis(before))
	return int(n), err
}
