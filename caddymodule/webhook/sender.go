package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// maxWaiting is how many messages may wait for the receiver.
	maxWaiting = 4096
	// maxAge is how long a message is retried.
	maxAge = 24 * time.Hour
	// closeTimeout is how long Close goes on to send.
	closeTimeout = 2 * time.Second
)

// Options are the options of a Sender.
type Options struct {
	// Logger gets a line when deliveries begin to fail, when they succeed again, and when
	// messages are lost. Default: none.
	Logger *slog.Logger
	// UserAgent is the User-Agent of requests. Default: none.
	UserAgent string
	// Gate returns the id of this gate, which messages carry. Default: "".
	Gate func() string
	// Transport carries the requests. Default: one that uses the proxies of the environment.
	Transport http.RoundTripper
}

// Sender sends messages to one receiver at a time, one after the other. Its methods may be
// called concurrently, and never wait for the receiver, except Close.
//
// A message is delivered when the receiver answers 2xx. Until then it is retried for a day,
// after pauses that grow from a second to a minute, or as long as Retry-After says, but at
// most 15 minutes. A receiver may get a message twice. While the receiver is away, the
// messages wait in their order. A message that the receiver refuses (3xx, 4xx) waits behind
// the others, so that it holds up none.
type Sender struct {
	options Options
	client  *http.Client
	ctx     context.Context // of every try; ends with Close
	cancel  context.CancelFunc
	over    chan struct{} // closed when the sending goroutine has ended
	wake    chan struct{} // holds a token if something has changed

	mu      sync.Mutex
	running bool // the sending goroutine was started
	closing bool
	target  *Target
	abandon context.CancelFunc // ends the try that is under way
	waiting []*message         // also the message of the try that is under way
	backoff backoff
	warned  bool // the log says that deliveries fail
	lost    int  // messages that were dropped since the queue was full
}

// New returns a sender without a receiver. It starts nothing.
func New(o Options) *Sender {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Gate == nil {
		o.Gate = func() string { return "" }
	}
	if o.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 1
		o.Transport = transport
	}
	s := &Sender{options: o, client: newClient(o.Transport), over: make(chan struct{}), wake: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Use sends to this receiver from now on, also the messages that wait. Without a receiver
// (nil), these are dropped. It starts the sending goroutine when there is something to do
// for it.
func (s *Sender) Use(t *Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.target.equal(t) {
		return
	}
	if t == nil {
		s.drop("notify is no longer in the configuration", len(s.waiting))
		s.waiting = nil
	}
	s.target, s.backoff, s.warned = t, backoff{}, false
	for _, m := range s.waiting {
		m.refused = backoff{}
	}
	if s.abandon != nil {
		s.abandon()
	}
	if !s.running && t != nil {
		s.running = true
		go s.run()
	}
	s.ring()
}

// Send tells the receiver of a revocation. Without a receiver it does nothing. If too many
// messages wait, this one is dropped.
func (s *Sender) Send(r Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.target == nil || s.closing:
		return
	case len(s.waiting) == maxWaiting:
		if s.lost == 0 {
			s.options.Logger.Error("too many revocations wait for the receiver of the webhook; it is not told of further ones until it answers",
				"address", s.target.host, "pending", maxWaiting)
		}
		s.lost++
		return
	}
	s.waiting = append(s.waiting, newMessage(r))
	s.ring()
}

// Close ends the sender. It goes on to send for two seconds, but retries nothing. What is
// left then is dropped.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closing = true
	s.backoff = backoff{}
	running := s.running
	s.ring()
	s.mu.Unlock()
	if running {
		timer := time.AfterFunc(closeTimeout, s.cancel)
		<-s.over
		timer.Stop()
	}
	s.cancel()
	s.client.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop("the gate stops", len(s.waiting))
	s.waiting, s.target = nil, nil
}

func (s *Sender) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drop logs that messages are lost, if there are any.
func (s *Sender) drop(why string, messages int) {
	if messages > 0 {
		s.options.Logger.Error("the receiver of the webhook is not told of revocations", "address", s.target.host, "dropped", messages, "reason", why)
	}
}
