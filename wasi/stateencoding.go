package wasi

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// stateMagic begins an encoded State.
const stateMagic = "wasgi state 1\n"

// MarshalBinary implements encoding.BinaryMarshaler. The same state gives the
// same bytes. The exported fields are all there is, so encoding/json does too.
func (st *State) MarshalBinary() ([]byte, error) {
	b := []byte(stateMagic)
	b = binary.AppendUvarint(b, uint64(st.Monotonic))
	b = binary.AppendUvarint(b, uint64(st.CPU))
	b = binary.AppendUvarint(b, uint64(len(st.Open)))
	for i := range st.Open {
		b = st.Open[i].append(b)
	}
	return b, nil
}

// append appends o to b.
func (o *SavedDescriptor) append(b []byte) []byte {
	for _, v := range []uint64{uint64(o.FD), uint64(o.Source), uint64(o.Index)} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendText(appendText(b, o.Path), o.Mount)
	for _, v := range []uint64{
		o.Ino, uint64(o.Type), uint64(o.How), uint64(o.Base), uint64(o.Inheriting),
		uint64(o.Flags), uint64(o.Offset), uint64(len(o.Entries)),
	} {
		b = binary.AppendUvarint(b, v)
	}
	for _, e := range o.Entries {
		b = append(binary.AppendUvarint(appendText(b, e.Name), e.Ino), byte(e.Type))
	}
	return b
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: st becomes what was
// encoded. It must not be in use. What Validate finds wrong is an error, and it
// takes memory in proportion to the data.
func (st *State) UnmarshalBinary(data []byte) error {
	d := &decoder{data: data}
	d.magic(stateMagic)
	got := State{
		Monotonic: time.Duration(d.uvarint(math.MaxInt64)),
		CPU:       time.Duration(d.uvarint(math.MaxInt64)),
	}
	for n := d.uvarint(maxDescriptors); d.err == nil && n > 0; n-- {
		got.Open = append(got.Open, d.descriptor())
	}
	d.end()
	err := d.err
	if err == nil {
		err = got.Validate()
	}
	if err != nil {
		return fmt.Errorf("state of a sandbox: %w", err)
	}
	*st = got
	return nil
}

// descriptor reads what SavedDescriptor.append wrote.
func (d *decoder) descriptor() SavedDescriptor {
	o := SavedDescriptor{
		FD:     uint32(d.uvarint(math.MaxUint32)),
		Source: DescriptorSource(d.uvarint(math.MaxUint8)),
		Index:  int(d.uvarint(maxDescriptors)),
		Path:   d.text(maxPath),
		Mount:  d.text(maxPath),
	}
	o.Ino = d.uvarint(math.MaxUint64)
	o.Type, o.How = Filetype(d.uvarint(math.MaxUint8)), OpenFlags(d.uvarint(math.MaxUint8))
	o.Base, o.Inheriting = Rights(d.uvarint(math.MaxUint64)), Rights(d.uvarint(math.MaxUint64))
	o.Flags, o.Offset = Fdflags(d.uvarint(math.MaxUint16)), int64(d.uvarint(math.MaxInt64))
	for n := d.uvarint(maxEntries); d.err == nil && n > 0; n-- {
		o.Entries = append(o.Entries, Dirent{
			Name: d.text(maxName), Ino: d.uvarint(math.MaxUint64), Type: Filetype(d.uvarint(math.MaxUint8)),
		})
	}
	return o
}
