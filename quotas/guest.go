package quotas

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/tetratelabs/wazero/api"
)

// guestMemory is how the engine sees the memory: with a size of its own, which compiled
// code checks each access against.
type guestMemory struct {
	api    api.Memory // nil while there is none
	buffer *[]byte    // api's, as long as the guest sees
	shown  bool       // while Grow only asks what there is
}

// Attach tells m which memory of a guest it is, of the module that was instantiated with
// Context; from then on Map and Reset set the size that the guest sees, and Attach itself
// sets it to what is committed. It is an error where the engine does not let its memory be
// made smaller: then an instance cannot be moved to another image, but only a new one
// made.
func (m *Memory) Attach(guest api.Memory) error {
	buffer, err := bufferOf(guest)
	if err != nil {
		return fmt.Errorf("attach a guest's memory: %w", err)
	}
	if len(*buffer) > 0 && (len(m.reserved) == 0 || &(*buffer)[0] != &m.reserved[0]) {
		return errors.New("attach a guest's memory: it was not instantiated with this one")
	}
	m.guest = guestMemory{api: guest, buffer: buffer}
	return m.show()
}

// bufferOf returns where wazero keeps a memory: its MemoryInstance has it in an exported
// field.
func bufferOf(guest api.Memory) (*[]byte, error) {
	v := reflect.ValueOf(guest)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("the engine's %T is no pointer to a struct", guest)
	}
	field := v.Elem().FieldByName("Buffer")
	if !field.IsValid() || !field.CanSet() {
		return nil, fmt.Errorf("the engine's %T has no field Buffer that can be set", guest)
	}
	buffer, ok := field.Addr().Interface().(*[]byte)
	if !ok {
		return nil, fmt.Errorf("the engine's %T has a Buffer of type %s, want []byte", guest, field.Type())
	}
	return buffer, nil
}

// show makes the size that the guest sees what is committed. The engine can only be told
// that a memory grew: so it is made a page too small, in Go's view of it, and then grows by
// a page, which makes compiled code see what Reallocate returns.
func (m *Memory) show() error {
	g := &m.guest
	if g.api == nil || len(*g.buffer) == int(m.used) {
		return nil
	}
	less := max(m.used, uint64(PageSize)) - uint64(PageSize)
	*g.buffer = m.reserved[:less:less]
	g.shown = true
	_, ok := g.api.Grow(1)
	g.shown = false
	if !ok || len(*g.buffer) != int(m.used) {
		return fmt.Errorf("show a guest %d bytes of memory: it sees %d", m.used, len(*g.buffer))
	}
	return nil
}
