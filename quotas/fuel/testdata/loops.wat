(module
  (memory (export "memory") 1)
  (func (export "sum") (param $n i32) (result i32) (local $s i32)
    (loop $again
      (local.set $s (i32.add (local.get $s) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "nested") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $s i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $s (i32.add (local.get $s) (i32.const 3)))
        (i32.store (i32.and (i32.shl (local.get $s) (i32.const 2)) (i32.const 0xfffc)) (local.get $j))
        (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $s))
  ;; a small interpreter: the loop is left and gone round by br_table
  (func (export "dispatch") (param $n i32) (result i32) (local $s i32)
    (loop $next
      (block $stop (block $odd (block $even
        (br_table $stop $odd $even $odd $next (local.get $n))
        )
        (local.set $s (i32.add (local.get $s) (i32.const 10)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next))
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $next)))
    (local.get $s))
  ;; blocks and loops with parameters and several results
  (func (export "multi") (param $n i32) (result i32 i64)
    (local.get $n) (i64.const 1)
    (loop $again (param i32 i64) (result i32 i64)
      (i64.const 3) (i64.mul)
      (block (param i32 i64) (result i64 i32)
        (drop) (i32.const 1) (i32.sub) (local.set $n)
        (i64.const 7) (local.get $n))
      (drop) (drop) (local.get $n) (i64.extend_i32_u (local.get $n))
      (br_if $again (local.get $n))))
  (func (export "forever") (loop $again (br $again)))
  (func (export "trap") (param $n i32) (result i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.div_u (i32.const 1) (local.get $n))))
