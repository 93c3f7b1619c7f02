package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// refusal is why a letter was not taken: the other side's reply code, or a
// reason in our words. It wraps nothing, because the errors of the network and
// of mail servers quote addresses.
type refusal struct {
	code    int
	why     error
	forGood bool // trying again is of no use
}

func (r refusal) Error() string {
	if r.why != nil {
		return r.why.Error()
	}
	return fmt.Sprintf("the answer was %d", r.code)
}

var (
	errInside   = errors.New("the webhook lies inside the network, and the operator has not named its host")
	errSlow     = errors.New("there was no answer in time")
	errNoName   = errors.New("the name leads nowhere")
	errTLS      = errors.New("the certificate, or how TLS is spoken, is not in order")
	errStartTLS = errors.New("the server offers no STARTTLS")
	errAuth     = errors.New("the server offers no way to sign in that can be used here")
	errNoAnswer = errors.New("the connection failed, or broke off")
)

// reason says what kind of failure of the network it was.
func reason(err error) error {
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.Is(err, errInside):
		return errInside
	case isTLS(err):
		return errTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return errSlow
	case errors.As(err, &dns):
		return errNoName
	}
	return errNoAnswer
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var cert *tls.CertificateVerificationError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &cert) || errors.As(err, &name) || errors.As(err, &authority)
}

// mailFailure reads what go-mail says. Only a 5xx to this letter, or to whom
// it goes, is for good: one to the signing in, or to whom it comes from, is a
// setting that the operator mends.
func mailFailure(err error) error {
	var sending *gomail.SendError
	var answer *textproto.Error
	switch {
	case err == nil:
		return refusal{why: errNoAnswer}
	case errors.As(err, &sending) && sending.ErrorCode() != 0:
		code := sending.ErrorCode()
		return refusal{code: code, forGood: code/100 == 5 && sending.Reason != gomail.ErrSMTPMailFrom}
	case errors.As(err, &answer):
		return refusal{code: answer.Code}
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return refusal{why: errStartTLS}
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered), strings.Contains(err.Error(), "does not support SMTP AUTH"), errors.Is(err, smtp.ErrUnencrypted):
		return refusal{why: errAuth}
	}
	return refusal{why: reason(err)}
}
