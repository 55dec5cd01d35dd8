package harness

import (
	"encoding/json"
	"net/http"
)

// RequestCode requests a code as the page does: if the browser had no token yet, it repeats the
// request with the new one.
func (b *Browser) RequestCode(email string, headers ...Header) *Answer {
	b.t.Helper()
	b.show(email)
	body := `{"email":` + quote(email) + `}`
	answer := b.Post("/api/auth/code", body, headers...)
	if answer.Status == http.StatusConflict && answer.Problem().Code == "browser_token_missing" {
		answer = b.Post("/api/auth/code", body, headers...)
	}
	return answer
}

// show sets the address that the browser's page shows.
func (b *Browser) show(email string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = email
}

// Resend requests the code again.
func (b *Browser) Resend() *Answer {
	b.t.Helper()
	return b.Post("/api/auth/code/resend", `{}`)
}

// Verify types a code for the address that the page shows, if any.
func (b *Browser) Verify(code string) *Answer {
	b.t.Helper()
	b.mu.Lock()
	email := b.asked
	b.mu.Unlock()
	return b.VerifyFor(email, code)
}

// VerifyFor types a code for an address; "" selects the newest code.
func (b *Browser) VerifyFor(email, code string) *Answer {
	b.t.Helper()
	if email == "" {
		return b.Post("/api/auth/verify", `{"code":`+quote(code)+`}`)
	}
	return b.Post("/api/auth/verify", `{"code":`+quote(code)+`,"email":`+quote(email)+`}`)
}

// GetCode requests a code and returns it from the mail, which must be the next one to this address.
func (b *Browser) GetCode(w *World, email string) string {
	b.t.Helper()
	w.awaitCodes(b.t, email)
	mailed := len(acceptedFor(w.Mailgun.Messages(), "sign_in_code", email))
	b.RequestCode(email).Want(http.StatusAccepted)
	return w.Code(b.t, email, mailed+1)
}

// SignIn signs in and returns the user.
func (b *Browser) SignIn(w *World, email string) SignedIn {
	b.t.Helper()
	return b.Verify(b.GetCode(w, email)).Want(http.StatusOK).SignedIn()
}

// ChangeCode requests a code for a change of the account's address, and returns it from the mail,
// which must be the next one to this address.
func (b *Browser) ChangeCode(w *World, email string) string {
	b.t.Helper()
	w.awaitCodes(b.t, email)
	mailed := len(acceptedFor(w.Mailgun.Messages(), "sign_in_code", email))
	b.RequestChange(email).Want(http.StatusAccepted)
	return w.Code(b.t, email, mailed+1)
}

// RequestChange requests a code for a change of the account's address.
func (b *Browser) RequestChange(email string) *Answer {
	b.t.Helper()
	return b.Post("/api/account/email", `{"email":`+quote(email)+`}`)
}

// VerifyChange sends the code of a change.
func (b *Browser) VerifyChange(code string) *Answer {
	b.t.Helper()
	return b.Post("/api/account/email/verify", `{"code":`+quote(code)+`}`)
}

// Rename changes the name of the account.
func (b *Browser) Rename(name string) *Answer {
	b.t.Helper()
	return b.Do(http.MethodPatch, "/api/account", `{"name":`+quote(name)+`}`)
}

// Delete sends a DELETE.
func (b *Browser) Delete(path string) *Answer {
	b.t.Helper()
	return b.Do(http.MethodDelete, path, "")
}

func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// WrongCode returns a code of the same kind and length that is not code.
func WrongCode(code string) string {
	if code[len(code)-1] > '9' {
		return code[:len(code)-1] + "0"
	}
	last := (code[len(code)-1]-'0'+1)%10 + '0'
	return code[:len(code)-1] + string(last)
}
