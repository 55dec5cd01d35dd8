package auth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"sana/backend/account"
	"sana/backend/fault"
	"sana/backend/mail/templates"
	"sana/backend/outbox"
	"sana/backend/passkey"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// NewPasskeyRequest has the options with which a browser creates a passkey.
type NewPasskeyRequest struct {
	Challenge []byte
	Owner     account.Account
	// Existing are the ids of the user's passkeys: an authenticator with one creates no other.
	Existing [][]byte
}

// RequestNewPasskey creates a challenge to add a passkey to the account of a session. Nothing is
// written. It returns fault.ReauthenticationRequired, fault.BrowserTokenMissing,
// fault.TooManyPasskeys, and fault.NotFound if there are no passkeys at this PUBLIC_URL.
func (s *Service) RequestNewPasskey(
	ctx context.Context, v visitor.Visitor, current session.Session,
) (NewPasskeyRequest, error) {
	if !s.Passkeys.Exists() {
		return NewPasskeyRequest{}, errNoPasskeysHere()
	}
	if v.Browser == "" {
		return NewPasskeyRequest{}, errBrowserTokenMissing()
	}
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return NewPasskeyRequest{}, err
	}
	list, err := passkey.List(ctx, s.DB, owner.ID)
	if err != nil {
		return NewPasskeyRequest{}, err
	}
	if len(list) >= passkey.MaxPerUser {
		return NewPasskeyRequest{}, errTooManyPasskeys()
	}
	request := NewPasskeyRequest{Owner: owner}
	for _, p := range list {
		request.Existing = append(request.Existing, p.ID)
	}
	request.Challenge, err = s.newPasskeyChallenge(ctx, addingTo(v, current))
	return request, err
}

func addingTo(v visitor.Visitor, current session.Session) passkey.Binding {
	return passkey.Binding{Purpose: passkey.Add, Browser: v.Browser, SessionID: current.ID}
}

func errTooManyPasskeys() error {
	return fault.New(fault.TooManyPasskeys,
		"Your account has 20 passkeys. Remove one before you add another.")
}

// AddPasskey verifies credential, the response of an authenticator to a challenge of
// RequestNewPasskey, and adds the passkey to the account of the session, in one transaction. A
// repeat returns the same passkey, and writes nothing.
//
// It returns fault.InvalidRequest, fault.PasskeyRefused, fault.TooManyPasskeys,
// fault.ReauthenticationRequired and fault.TooManyRequests.
func (s *Service) AddPasskey(
	ctx context.Context, v visitor.Visitor, current session.Session, credential []byte,
) (passkey.Passkey, error) {
	if !s.Passkeys.Exists() {
		return passkey.Passkey{}, errNoPasskeysHere()
	}
	attestation, err := passkey.ParseAttestation(credential)
	if err != nil {
		return passkey.Passkey{}, err
	}
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return passkey.Passkey{}, err
	}
	createdAt, ok := passkey.CheckChallenge(s.Keys, addingTo(v, current), attestation.Challenge)
	if !ok {
		return passkey.Passkey{},
			passkey.ErrRefused(errors.New("auth: the challenge is not this session's"))
	}
	added, err := attestation.Verify(s.Passkeys)
	if err != nil {
		return passkey.Passkey{}, err
	}
	added.UserID = owner.ID
	added.Name, err = s.Mail.Templates.PasskeyName(templates.MatchLanguage(v.AcceptLanguage),
		cmp.Or(added.Maker(), v.Platform))
	if err != nil {
		return passkey.Passkey{}, err
	}
	if known, isKnown, err := s.findOwn(ctx, added); err != nil || isKnown {
		return known, err
	}
	if err := s.spend(ctx, throttle.PasskeysByAccount.Of(owner.ID)); err != nil {
		return passkey.Passkey{}, err
	}
	spend := pgx.NamedArgs{}
	passkey.SpendArgs(spend, attestation.Challenge, createdAt)
	err = postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		return s.insertPasskey(ctx, tx, v, &added, spend)
	})
	if fault.Is(err, fault.PasskeyRefused) { // the same request may have been faster
		if known, isKnown, err := s.findOwn(ctx, added); err != nil || isKnown {
			return known, err
		}
	}
	return added, err
}

func (s *Service) insertPasskey(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, added *passkey.Passkey, spend pgx.NamedArgs,
) error {
	owner, err := s.Accounts.Lock(ctx, tx, added.UserID)
	if err != nil {
		return err
	}
	list, err := passkey.List(ctx, tx, added.UserID)
	if err != nil {
		return err
	}
	if len(list) >= passkey.MaxPerUser {
		return errTooManyPasskeys()
	}
	isNew, err := passkey.Insert(ctx, tx, added, spend)
	if err != nil {
		return err
	}
	if !isNew {
		return passkey.ErrRefused(
			errors.New("auth: the challenge is spent or too old, or the passkey exists"))
	}
	return s.recordPasskey(ctx, tx, v, owner, account.PasskeyAdded, passkeyAddedTemplate, *added)
}

// recordPasskey records an event about a passkey and queues its mail. The mail
// contains no name that a user chose: with a stolen session it could carry a text to the owner.
func (s *Service) recordPasskey(
	ctx context.Context, tx pgx.Tx, v visitor.Visitor, owner account.Account, kind account.Kind,
	template string,
	p passkey.Passkey,
) error {
	err := s.Accounts.Record(ctx, tx, v, account.Entry{
		UserID: owner.ID, Kind: kind, Details: account.Details{Passkey: p.Name},
	})
	if err != nil {
		return err
	}
	return s.notify(ctx, tx, v,
		outbox.Notice{Template: template, Email: owner.Email, Passkey: p.Maker()})
}

// findOwn returns the stored passkey with id, user and key of p; found is false if there is none.
func (s *Service) findOwn(
	ctx context.Context, p passkey.Passkey,
) (known passkey.Passkey, found bool, err error) {
	known, _, err = passkey.Find(ctx, s.DB, p.ID)
	if fault.Is(err, fault.UnknownPasskey) {
		return passkey.Passkey{}, false, nil
	}
	if err != nil || known.UserID != p.UserID || !bytes.Equal(known.PublicKey, p.PublicKey) {
		return passkey.Passkey{}, false, err
	}
	return known, true, nil
}

// PasskeyList has a user's passkeys and sign-in settings.
type PasskeyList struct {
	Passkeys []passkey.Passkey // the oldest first
	CodesFor CodesFor          // in effect: CodesForSignIn also if recovery only is suspended
	// CanRestrict is false if codes must sign in: sessions are in cookies, or this PUBLIC_URL has
	// no passkeys.
	CanRestrict bool
	Recovery    *Recovery // pending; nil if there is none
}

// ListPasskeys lists the passkeys of the current user.
func (s *Service) ListPasskeys(ctx context.Context, current session.Session) (PasskeyList, error) {
	list := PasskeyList{CanRestrict: s.recoveryHost() != ""}
	var err error
	if list.Passkeys, err = passkey.List(ctx, s.DB, current.User.ID); err != nil {
		return PasskeyList{}, err
	}
	err = s.DB.QueryRow(ctx, `
		SELECT codes_for
		FROM users
		WHERE id = @user`,
		pgx.NamedArgs{"user": current.User.ID}).Scan(&list.CodesFor)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err := s.Accounts.Find(ctx, current.User.ID)
		return PasskeyList{}, err
	}
	if err != nil {
		return PasskeyList{}, postgres.Error("list passkeys", err)
	}
	isHere := func(p passkey.Passkey) bool { return p.RPID == s.recoveryHost() }
	if !slices.ContainsFunc(list.Passkeys, isHere) {
		list.CodesFor = CodesForSignIn // "for recovery only" is suspended
	}
	recovery, err := s.FindRecovery(ctx, visitor.Visitor{}, current)
	if err == nil {
		list.Recovery = &recovery
	}
	if fault.Is(err, fault.NoRecovery) {
		err = nil
	}
	return list, err
}

// RenamePasskey gives a passkey of the current user a name. It returns fault.InvalidName,
// fault.ReauthenticationRequired, fault.TooManyRequests, and fault.UnknownPasskey.
func (s *Service) RenamePasskey(
	ctx context.Context, current session.Session, id []byte, input string,
) (passkey.Passkey, error) {
	name, err := account.ParseName(input)
	if err == nil && name == "" {
		err = fault.New(fault.InvalidName, "Give the passkey a name of one character at least.")
	}
	if err != nil {
		return passkey.Passkey{}, err
	}
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return passkey.Passkey{}, err
	}
	if err := s.spend(ctx, throttle.PasskeysByAccount.Of(owner.ID)); err != nil {
		return passkey.Passkey{}, err
	}
	return passkey.Rename(ctx, s.DB, owner.ID, id, name)
}

// RemovePasskey removes a passkey of the current user. Without the last one codes sign in again,
// and a recovery ends. An unknown passkey is not an error. There is no limit: an
// attacker who has used it up would keep their own passkey. It returns
// fault.ReauthenticationRequired.
func (s *Service) RemovePasskey(
	ctx context.Context, v visitor.Visitor, current session.Session, id []byte,
) error {
	owner, err := s.recentOwner(ctx, current)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx pgx.Tx) error {
		owner, err := s.Accounts.Lock(ctx, tx, owner.ID)
		if err != nil {
			return err
		}
		removed, found, err := passkey.Remove(ctx, tx, owner.ID, id)
		if err != nil || !found {
			return err
		}
		err = s.recordPasskey(ctx, tx, v, owner, account.PasskeyRemoved, passkeyRemovedTemplate,
			removed)
		if err != nil {
			return err
		}
		left, err := s.ownPasskeys(ctx, tx, owner.ID)
		if err != nil || len(left) > 0 {
			return err
		}
		_, err = s.allowCodesToSignIn(ctx, tx, v, owner)
		return err
	})
}
