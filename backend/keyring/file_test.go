package keyring_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"sana/backend/keyring"
)

// keyFileVariable makes this test binary a process that reads the key file it names, when its input
// ends.
const keyFileVariable = "SANA_TEST_KEY_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(keyFileVariable); path != "" {
		os.Exit(readKeyFile(path))
	}
	os.Exit(m.Run())
}

func readKeyFile(path string) int {
	_, _ = io.Copy(io.Discard, os.Stdin)
	content, err := keyring.ReadOrCreateFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(content)
	return 0
}

// onlyFile fails the test unless path is the only file of its folder, is a usable key, and is its
// owner's alone.
func onlyFile(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v), want the key file alone", entries, err)
	}
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s: got %o, want %o", file, got, want)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Parse(string(content)); err != nil {
		t.Errorf("the key file cannot be used: %v", err)
	}
	return string(content)
}

func TestGoroutinesThatStartTogetherGetOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret_keys")
	var got [50]string
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range got {
		all.Go(func() {
			<-start
			content, err := keyring.ReadOrCreateFile(path)
			if err != nil {
				t.Error(err)
			}
			got[i] = content
		})
	}
	close(start)
	all.Wait()
	want := onlyFile(t, path)
	for i := range got {
		if got[i] != want {
			t.Errorf("goroutine %d has another key than the file", i)
		}
	}
}

func TestProcessesThatStartTogetherGetOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret_keys")
	var processes [4]*exec.Cmd
	var output [len(processes)]bytes.Buffer
	var gates [len(processes)]io.WriteCloser
	for i := range processes {
		processes[i] = exec.Command(os.Args[0])
		processes[i].Env = append(os.Environ(), keyFileVariable+"="+path)
		processes[i].Stdout, processes[i].Stderr = &output[i], &output[i]
		var err error
		if gates[i], err = processes[i].StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := processes[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, gate := range gates {
		_ = gate.Close()
	}
	for i, p := range processes {
		if err := p.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, &output[i])
		}
	}
	want := onlyFile(t, path)
	for i := range output {
		if output[i].String() != want {
			t.Errorf("process %d has another key than the file", i)
		}
	}
}

func TestAKeyFileIsNeverReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret_keys")
	first, err := keyring.ReadOrCreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := keyring.ReadOrCreateFile(path)
	if err != nil || second != first {
		t.Errorf("the second call gives another key (%v)", err)
	}
	if onlyFile(t, path) != first {
		t.Error("the file holds another key than was returned")
	}
}

func TestAKeyFileThatOthersCanReadIsRefusedUntilItIsMended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret_keys")
	want, err := keyring.ReadOrCreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o644, 0o660} {
		chmod(t, path, mode)
		got, err := keyring.ReadOrCreateFile(path)
		if fault := "others than its owner can read it; run: chmod 600 " + path; got != "" ||
			err == nil || err.Error() != fault {
			t.Errorf("mode %o: got %q and %v, want %q", mode, got, err, fault)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		chmod(t, path, mode)
		if got, err := keyring.ReadOrCreateFile(path); got != want || err != nil {
			t.Errorf("mode %o: got %q and %v, want the key", mode, got, err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestAKeyFileThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if content, err := keyring.ReadOrCreateFile(filepath.Join(file, "secret_keys")); err == nil ||
		content != "" {
		t.Errorf("below a file: got %q and no error", content)
	}
	if _, err := keyring.ReadOrCreateFile(filepath.Dir(file)); err == nil {
		t.Error("a folder is read as a key file")
	}
}
