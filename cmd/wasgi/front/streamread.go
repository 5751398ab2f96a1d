package front

import "io"

// some waits until there is something to read; an error tells why there is not. The caller
// holds mu.
func (s *stream) some() error {
	for s.at == len(s.ahead) && s.file.left() == 0 && !s.ended {
		s.moved.Wait()
	}
	switch {
	case s.at < len(s.ahead) || s.file.left() > 0:
		return nil
	case s.err != nil:
		return s.err
	}
	return io.EOF
}

// Read implements io.Reader for the connection.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.some(); err != nil {
		return 0, err
	}
	if s.file.left() == 0 {
		n := copy(p, s.ahead[s.at:])
		s.passed(n)
		return n, nil
	}
	n, err := s.file.take(p)
	s.passedFile(int64(n))
	return n, err
}

// passed takes away what was read of memory. The caller holds mu.
func (s *stream) passed(n int) {
	s.read += int64(n)
	if s.at += n; s.at == len(s.ahead) {
		s.ahead, s.at = s.ahead[:0], 0
	}
	s.moved.Broadcast()
}

// passedFile counts what was read of the file, which is given back at its end. The caller
// holds mu.
func (s *stream) passedFile(n int64) {
	if s.read += n; s.file.left() == 0 {
		s.file.close()
	}
	s.moved.Broadcast()
}

// ready waits until there is something to read, and tells whether it had to; an error is the
// end of the body.
func (s *stream) ready() (waited bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waited = s.at == len(s.ahead) && s.file.left() == 0
	return waited, s.some()
}

// inMemory tells whether there is something to read in memory.
func (s *stream) inMemory() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at < len(s.ahead)
}

// offer has send take what it takes at once of what is in memory, and tells how much that
// was.
func (s *stream) offer(send func([]byte) (int, error)) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == len(s.ahead) {
		return 0, nil
	}
	n, err := send(s.ahead[s.at:])
	s.passed(max(0, n))
	return max(0, n), err
}

// offerFile has send take what is in the file, up to most, and tells how much that was; 0
// where there is none. It may take long: the app goes on meanwhile.
func (s *stream) offerFile(send func(*io.LimitedReader) (int64, error), most int64) (int64, error) {
	s.mu.Lock()
	from := &io.LimitedReader{R: s.file.file, N: min(most, s.file.left())}
	s.mu.Unlock()
	if from.N == 0 {
		return 0, nil
	}
	n, err := send(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file.read += n
	s.passedFile(n)
	return n, err
}
