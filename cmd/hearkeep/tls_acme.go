package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/caddyserver/certmagic"
	"github.com/hearkeep/hearkeep"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// acmeTLS obtains and renews a certificate of a public authority by ACME
// (RFC 8555), with account, keys and certificates in the keep's folder. The
// portal's own port answers tls-alpn-01; --acme-http answers http-01.
type acmeTLS struct {
	name   string
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	cache  *certmagic.Cache
}

func openACME(keep string, f *front) (*acmeTLS, error) {
	var roots *x509.CertPool // nil: the system's
	if f.flags.ACMECARoot != "" {
		data, err := os.ReadFile(f.flags.ACMECARoot)
		if err != nil {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", f.flags.ACMECARoot).Because(err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(data) {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "There is no certificate in %s.", f.flags.ACMECARoot).WithHint("It must be a PEM file.")
		}
	}
	directory := f.flags.ACMEDirectory
	if directory == "" {
		directory = certmagic.LetsEncryptProductionCA
	}
	host, _, err := net.SplitHostPort(f.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	template := certmagic.ACMEIssuer{
		CA: directory, Email: f.flags.ACMEEmail, Agreed: true, TrustedRoots: roots,
		ListenHost: host, AltTLSALPNPort: portOf(f.listener), DisableHTTPChallenge: f.plain == nil,
		Logger: zap.New(bridge{f.log.With("by", "acme").Handler(), nil}),
	}
	if f.plain != nil {
		template.AltHTTPPort = portOf(f.plain)
	}
	a := &acmeTLS{name: f.origin.Hostname()}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		Logger:           template.Logger,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: filepath.Join(keep, dirACME)},
		Logger:  template.Logger,
		OnEvent: func(_ context.Context, event string, _ map[string]any) error {
			if event == "cert_obtained" {
				f.log.Info("obtained a certificate", "name", a.name)
			}
			return nil
		},
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, template)
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// run obtains the certificate and renews it until ctx ends. What fails is
// logged and tried again: a portal whose authority is out of reach still
// serves the certificate that it has.
func (a *acmeTLS) run(ctx context.Context) error {
	if err := a.config.ManageAsync(ctx, []string{a.name}); err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	<-ctx.Done()
	return nil
}

// bridge hands what certmagic logs by zap to a slog handler. Its everyday
// messages, which name the account's address, are for debugging only.
type bridge struct {
	to    slog.Handler
	attrs []slog.Attr
}

func (b bridge) level(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l >= zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (b bridge) Enabled(l zapcore.Level) bool {
	return b.to.Enabled(context.Background(), b.level(l))
}

func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{b.to, append(b.attrs[:len(b.attrs):len(b.attrs)], attrsOf(fields)...)}
}

func (b bridge) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return to.AddCore(e, b)
	}
	return to
}

func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(e.Time, b.level(e.Level), e.Message, 0)
	record.AddAttrs(b.attrs...)
	record.AddAttrs(attrsOf(fields)...)
	return b.to.Handle(context.Background(), record)
}

func (b bridge) Sync() error { return nil }

func attrsOf(fields []zapcore.Field) []slog.Attr {
	values := zapcore.NewMapObjectEncoder()
	var attrs []slog.Attr
	for _, f := range fields {
		f.AddTo(values)
	}
	for name, value := range values.Fields {
		attrs = append(attrs, slog.Any(name, value))
	}
	return attrs
}
