;; A guest that does what it is told. The first value of a message, its name empty, is a
;; list of steps, ten words each: what to do and with which arguments. What the host
;; answers to a step is kept, one word each, from address 0x400 on.
(module
  (import "wasgi" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "wasgi" "response_start" (func $response_start (param i32 i32 i32 i32) (result i32)))
  (import "wasgi" "response_write" (func $response_write (param i32 i32 i32) (result i32)))
  (import "wasgi" "report" (func $report (param i32 i32)))
  (import "wasgi" "pbkdf2" (func $pbkdf2 (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasgi" "scrypt" (func $scrypt (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasgi" "limit_left" (func $limit_left (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $step (mut i32) (i32.const 0))
  (global $result (mut i32) (i32.const 0))

  (func (export "_initialize"))
  (func (export "wasgi_abi") (result i32) (i32.const 3))
  (func (export "wasgi_buffer") (param i32) (result i32) (i32.const 0x10000))
  ;; struct wasgi_interrupt; its bit is 1 of the word at 0x3f0.
  (data (i32.const 0x204) "\f0\03\00\00\01\00\00\00")
  (func (export "wasgi_interrupt") (result i32) (i32.const 0x200))
  (func (export "wasgi_start") (param i32) (result i32) (i32.const 0))
  (func (export "wasgi_prepare") (result i32) (i32.const 0))
  (func (export "wasgi_freeze") (result i32) (i32.const 0))
  (func (export "wasgi_restored") (param i32) (result i32) (i32.const 0))
  (func (export "wasgi_load") (param i32) (result i32) (call $run))
  (func (export "wasgi_serve") (param i32) (result i32) (call $run))
  (func (export "wasgi_main") (param i32) (result i32) (call $run))

  (func $run (result i32)
    (global.set $step (i32.const 0x10010)) ;; after the headers of the message and its first entry
    (global.set $result (i32.const 0x400))
    (loop $next
      (if (i32.eqz (call $arg (i32.const 0))) (then (return (call $arg (i32.const 1)))))
      (i32.store (global.get $result) (call $do (call $arg (i32.const 0))))
      (global.set $step (i32.add (global.get $step) (i32.const 40)))
      (global.set $result (i32.add (global.get $result) (i32.const 4)))
      (br $next))
    unreachable)

  (func $arg (param $n i32) (result i32)
    (i32.load (i32.add (global.get $step) (i32.mul (local.get $n) (i32.const 4)))))
  (func $a (result i32) (call $arg (i32.const 1)))
  (func $b (result i32) (call $arg (i32.const 2)))
  (func $c (result i32) (call $arg (i32.const 3)))
  (func $d (result i32) (call $arg (i32.const 4)))

  (func $do (param $what i32) (result i32)
    (block $left (block $count (block $spin (block $grow (block $print (block $exit (block $recurse (block $trap (block $scrypt_ (block $pbkdf2_
    (block $report_ (block $write (block $start (block $read
      (br_table $trap $read $start $write $report_ $pbkdf2_ $scrypt_ $trap $recurse $exit $print $grow $spin $count $left (local.get $what)))
      (return (call $input_read (call $a) (call $b))))
      (return (call $response_start (call $a) (call $b) (call $c) (call $d))))
      (return (call $response_write (call $a) (call $b) (call $c))))
      (call $report (call $a) (call $b)) (return (i32.const 0)))
      (return (call $pbkdf2 (call $a) (call $b) (call $c) (call $d)
        (call $arg (i32.const 5)) (call $arg (i32.const 6)) (call $arg (i32.const 7)) (call $arg (i32.const 8)))))
      (return (call $scrypt (call $a) (call $b) (call $c) (call $d)
        (call $arg (i32.const 5)) (call $arg (i32.const 6)) (call $arg (i32.const 7)) (call $arg (i32.const 8)) (call $arg (i32.const 9)))))
      unreachable)
      (return (i32.add (call $do (local.get $what)) (i32.const 1))))
      (call $proc_exit (call $a)) unreachable)
      (return (call $fd_write (call $a) (call $b) (call $c) (call $d))))
      (return (memory.grow (call $a))))
      (return (call $until_interrupted)))
      (return (call $count_down (call $a))))
    (i32.wrap_i64 (call $limit_left (call $a))))

  ;; what interrupted it
  (func $until_interrupted (result i32)
    (loop $again (br_if $again (i32.eqz (i32.and (i32.load (i32.const 0x3f0)) (i32.const 1)))))
    (i32.store (i32.const 0x3f0) (i32.const 0))
    (i32.load (i32.const 0x200)))

  (func $count_down (param $n i32) (result i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $n)))
