package upstreams

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long a server may take to answer its first request.
const startLimit = 30 * time.Second

// server is one real server with the application of testdata behind it. Its
// methods are for one goroutine.
type server struct {
	name string
	addr string // host:port
	// dir holds the file seen, to which the application appends each request that
	// it runs, as a line of JSON.
	dir  string
	read int64 // how much of the file take has returned
}

// servers are started by startServers, in the order of recipes.
var servers []*server

// jars are what Application.java imports.
const jars = "/usr/share/java/jetty9-server.jar:/usr/share/java/jetty9-http.jar:/usr/share/java/jetty9-io.jar:" +
	"/usr/share/java/jetty9-util.jar:/usr/share/java/servlet-api.jar"

// recipes are the commands that start the servers. The words DIRECTORY, TESTDATA and PORT
// are replaced. config is a file of testdata: its copy, with the same words replaced, is
// CONFIG. The servers keep connections to the gate open, as far as they can, because a
// request hidden in another one needs that.
var recipes = []struct{ name, command, config string }{
	{name: "gunicorn", command: "gunicorn --chdir TESTDATA --bind 127.0.0.1:PORT --worker-class gthread --threads 4 --limit-request-line 8190 app:wsgi"},
	{name: "waitress", command: "waitress-serve --listen 127.0.0.1:PORT app:wsgi"},
	{name: "uwsgi", command: "uwsgi --plugin python3 --http-socket 127.0.0.1:PORT --buffer-size 32768 --wsgi-file app.py --callable wsgi"},
	{name: "uvicorn", command: "uvicorn --app-dir TESTDATA --port PORT app:asgi"},
	{name: "hypercorn", command: "hypercorn --bind 127.0.0.1:PORT app:asgi"},
	{name: "php", command: "php -S 127.0.0.1:PORT TESTDATA/app.php"},
	{name: "jetty", command: "java -Xshare:auto -XX:TieredStopAtLevel=1 -cp " + jars + " TESTDATA/Application.java PORT"},
	{name: "nginx", command: "/usr/sbin/nginx -c CONFIG", config: "nginx.conf"},
	{name: "apache", command: "/usr/sbin/apache2 -X -f CONFIG", config: "apache.conf"},
}

// watch runs a server until it ends, or until its standard input is closed, as at the end
// of the test process. Then it kills its process group.
const watch = `{ "$@"; kill -9 0; } & cat; kill -9 0`

// startServers starts all servers in parallel, and net/http's in this process. The caller
// must call stop, also after an error.
func startServers() (stop func(), err error) {
	top, err := os.MkdirTemp("", "upstreams")
	if err != nil {
		return func() {}, fmt.Errorf("starting servers: %w", err)
	}
	var ends []func()
	stop = func() {
		for _, end := range ends {
			end()
		}
		_ = os.RemoveAll(top)
	}
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
	)
	servers = make([]*server, len(recipes))
	failed := make([]error, len(recipes))
	for i, recipe := range recipes {
		servers[i] = &server{name: recipe.name, dir: filepath.Join(top, recipe.name)}
		wait.Go(func() {
			end, err := servers[i].start(recipe.command, recipe.config)
			mu.Lock()
			defer mu.Unlock()
			ends, failed[i] = append(ends, end), err
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return stop, err
		}
	}
	own, end, err := startGo(filepath.Join(top, "go"))
	if err != nil {
		return stop, err
	}
	servers, ends = append(servers, own), append(ends, end)
	return stop, nil
}

// start starts the server on a free port. Another process may take the port
// before the server does, so a server that ends is started again twice.
func (s *server) start(command, config string) (end func(), err error) {
	for range 3 {
		if end, err = s.try(command, config); err == nil {
			break
		}
		end()
	}
	return end, err
}

func (s *server) try(command, config string) (end func(), err error) {
	end = func() {}
	port, err := freePort()
	if err != nil {
		return end, err
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		return end, err
	}
	s.addr = net.JoinHostPort("127.0.0.1", port)
	words := strings.NewReplacer("DIRECTORY", s.dir, "TESTDATA", testdata, "PORT", port, "CONFIG", filepath.Join(s.dir, "config"))
	if err := s.prepare(config, words); err != nil {
		return end, err
	}
	said, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return end, err
	}
	defer said.Close()
	process := exec.Command("sh", append([]string{"-c", watch, "sh"}, strings.Fields(words.Replace(command))...)...)
	if _, err := process.StdinPipe(); err != nil {
		return end, err
	}
	process.Dir, process.Stdout, process.Stderr = testdata, said, said
	process.Env = append(os.Environ(), "SEEN="+s.file(), "PYTHONPATH="+testdata, "PYTHONDONTWRITEBYTECODE=1")
	// The workers of a server end with it, as one group.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := process.Start(); err != nil {
		return end, fmt.Errorf("starting %s: %w", s.name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait() // It is killed.
		close(ended)
	}()
	end = func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL) // It may have ended already.
		<-ended
	}
	if !s.ready(ended) {
		text, _ := os.ReadFile(said.Name())
		return end, fmt.Errorf("starting %s: it does not answer; tests/install.sh installs it; it said:\n%s", s.name, text)
	}
	return end, nil
}

// prepare makes the directory of the server, its empty file of requests and its
// configuration.
func (s *server) prepare(config string, words *strings.Replacer) error {
	s.read = 0
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(s.file(), nil, 0o644); err != nil || config == "" {
		return err
	}
	text, err := os.ReadFile(filepath.Join("testdata", config))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "config"), []byte(words.Replace(string(text))), 0o644)
}

func (s *server) file() string { return filepath.Join(s.dir, "seen") }

// ready waits until the application has recorded a request of this test, which no other
// process at that port would do.
func (s *server) ready(ended <-chan struct{}) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(startLimit)
	for {
		if seen, err := s.ask("GET", "/ready"); err == nil && seen.Path == "/ready" {
			if all, err := s.take(); err == nil && len(all) > 0 {
				return true
			}
		}
		select {
		case <-tick.C:
		case <-ended:
			return false
		case <-late:
			return false
		}
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
