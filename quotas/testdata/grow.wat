;; A guest with one page of memory that grows by as many pages as it is told to.
(module
  (memory (export "memory") 1)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "touch") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
