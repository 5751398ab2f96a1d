;; An app that answers each request with its entry and then the request's body, block by
;; block. An entry that begins with "bad" cannot be imported.
(module
  (import "wasgi" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "wasgi" "response_start" (func $response_start (param i32 i32 i32 i32) (result i32)))
  (import "wasgi" "response_write" (func $response_write (param i32 i32 i32) (result i32)))
  (import "wasgi" "report" (func $report (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 0x100) "200 OK")
  (data (i32.const 0x110) "\00\00\00\00\08\00\00\00") ;; no headers
  (data (i32.const 0x120) "Traceback\nImportError: it is bad")
  (global $entry_len (mut i32) (i32.const 0))

  (func (export "_initialize"))
  (func (export "wasgi_abi") (result i32) (i32.const 3))
  (func (export "wasgi_buffer") (param i32) (result i32) (i32.const 0x10000))
  (func (export "wasgi_interrupt") (result i32) (i32.const 0))
  (func (export "wasgi_start") (param i32) (result i32) (i32.const 0))
  (func (export "wasgi_prepare") (result i32) (i32.const 0))
  (func (export "wasgi_freeze") (result i32) (i32.const 0))
  (func (export "wasgi_restored") (param i32) (result i32) (i32.const 0))
  (func (export "wasgi_main") (param i32) (result i32) (i32.const 0))

  ;; The first setting is the entry: its name has 5 bytes, its value begins at 0x10015.
  (func (export "wasgi_load") (param i32) (result i32)
    (global.set $entry_len (i32.load (i32.const 0x1000c)))
    (memory.copy (i32.const 0x800) (i32.const 0x10015) (global.get $entry_len))
    (if (i32.ne (i32.and (i32.load (i32.const 0x800)) (i32.const 0xffffff)) (i32.const 0x646162)) ;; "bad"
      (then (return (i32.const 0))))
    (call $report (i32.const 0x120) (i32.const 32))
    (i32.const 1))

  (func (export "wasgi_serve") (param i32) (result i32)
    (local $n i32)
    (drop (call $response_start (i32.const 0x100) (i32.const 6) (i32.const 0x110) (i32.const 8)))
    (drop (call $response_write (i32.const 0x800) (global.get $entry_len) (i32.const 0)))
    (loop $next
      (local.set $n (call $input_read (i32.const 0x1000) (i32.const 4096)))
      (if (i32.gt_s (local.get $n) (i32.const 0))
        (then
          (br_if $next (i32.eqz (call $response_write (i32.const 0x1000) (local.get $n) (i32.const 0))))
          (return (i32.const 1)))))
    (if (i32.lt_s (local.get $n) (i32.const 0)) (then (return (i32.const 1))))
    (drop (call $response_write (i32.const 0) (i32.const 0) (i32.const 1)))
    (i32.const 0)))
