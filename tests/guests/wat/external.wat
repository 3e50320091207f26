;; vmix.external in WebAssembly text: whether vMix's external output runs. It reads the state, looks for
;; <external>True</external> in the answer, and plans one change where that is not what the intent wants.
;;
;; The kernel's JSON is compact, and no text of another hand stands in the calls that are searched here, so searching
;; takes the place of parsing. See docs/guests.md for the protocol, and the README beside for how this is built.
(component
  (core module $guest
    (memory (export "memory") 1)

    ;; What is searched for.
    (data (i32.const 64) "\"op\":\"apply\"")                ;; 12 bytes
    (data (i32.const 80) "\"id\":\"change-1\"")             ;; 15
    (data (i32.const 96) "\"on\":true")                     ;; 9
    (data (i32.const 112) "{\"ok\":")                       ;; 6
    (data (i32.const 128) "<external>True</external>")      ;; 25
    (data (i32.const 160) "<external>False</external>")     ;; 26
    ;; Requests, and the ends of an apply.
    (data (i32.const 192) "{\"request\":{\"read\":\"state\",\"args\":{}}}")  ;; 38
    (data (i32.const 240) "{\"request\":{\"perform\":\"change-1\"}}")        ;; 34
    (data (i32.const 288) "{\"done\":{\"performed\":[\"change-1\"]}}")       ;; 35
    (data (i32.const 336) "{\"done\":{\"performed\":[]}}")                   ;; 25
    ;; Plans: nothing to do (52, 53 bytes), start (227), stop (225). And a refusal (142).
    (data (i32.const 368) "{\"done\":{\"changes\":[],\"observed\":{\"external\":true}}}")
    (data (i32.const 432) "{\"done\":{\"changes\":[],\"observed\":{\"external\":false}}}")
    (data (i32.const 496) "{\"done\":{\"changes\":[{\"id\":\"change-1\",\"effect\":\"start\",\"args\":{},\"summary\":\"start the external output\",\"before\":{\"external\":false},\"after\":{\"external\":true},\"inverse\":{\"effect\":\"stop\",\"args\":{}}}],\"observed\":{\"external\":false}}}")
    (data (i32.const 736) "{\"done\":{\"changes\":[{\"id\":\"change-1\",\"effect\":\"stop\",\"args\":{},\"summary\":\"stop the external output\",\"before\":{\"external\":true},\"after\":{\"external\":false},\"inverse\":{\"effect\":\"start\",\"args\":{}}}],\"observed\":{\"external\":true}}}")
    (data (i32.const 976) "{\"type\":\"Refuse\",\"code\":\"IF_ERR_ADAPTER_REFUSED\",\"message\":\"what answers there is not vMix: it does not say whether the external output runs\"}")

    (global $free (mut i32) (i32.const 1120))     ;; where the next text from the kernel goes
    (global $applying (mut i32) (i32.const 0))
    (global $wanted (mut i32) (i32.const 0))      ;; 1: it shall run

    ;; Room for a text of the kernel's. A guest lives for one run, so nothing is ever freed.
    (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32) (local $end i32) (local $missing i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (local.set $end (i32.add (local.get $at) (local.get $size)))
      (local.set $missing (i32.sub
        (i32.shr_u (i32.add (local.get $end) (i32.const 65535)) (i32.const 16))
        (memory.size)))
      (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable)))))
      (global.set $free (local.get $end))
      (local.get $at))

    ;; Whether the text holds the words.
    (func $holds (param $text i32) (param $size i32) (param $words i32) (param $length i32) (result i32)
      (local $last i32) (local $place i32)
      (local.set $last (i32.add (local.get $text) (i32.sub (local.get $size) (local.get $length))))
      (block $no
        (loop $next
          (br_if $no (i32.gt_s (local.get $text) (local.get $last)))
          (local.set $place (i32.const 0))
          (block $differs
            (loop $same
              (br_if $differs (i32.ne
                (i32.load8_u (i32.add (local.get $text) (local.get $place)))
                (i32.load8_u (i32.add (local.get $words) (local.get $place)))))
              (local.set $place (i32.add (local.get $place) (i32.const 1)))
              (br_if $same (i32.lt_u (local.get $place) (local.get $length))))
            (return (i32.const 1)))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next)))
      (i32.const 0))

    ;; result<string, string>: 0 or 1 for ok or err, then where the text is and its length.
    (func $answer (param $err i32) (param $text i32) (param $size i32) (result i32)
      (i32.store8 (i32.const 16) (local.get $err))
      (i32.store (i32.const 20) (local.get $text))
      (i32.store (i32.const 24) (local.get $size))
      (i32.const 16))

    (func (export "start") (param $call i32) (param $size i32) (result i32)
      (global.set $applying (call $holds (local.get $call) (local.get $size) (i32.const 64) (i32.const 12)))
      (global.set $wanted (call $holds (local.get $call) (local.get $size) (i32.const 96) (i32.const 9)))
      (if (i32.eqz (global.get $applying)) (then
        (return (call $answer (i32.const 0) (i32.const 192) (i32.const 38)))))
      (if (call $holds (local.get $call) (local.get $size) (i32.const 80) (i32.const 15)) (then
        (return (call $answer (i32.const 0) (i32.const 240) (i32.const 34)))))
      (call $answer (i32.const 0) (i32.const 336) (i32.const 25)))

    (func (export "resume") (param $text i32) (param $size i32) (result i32)
      (local $runs i32)
      ;; {"error":{"code":…,"message":…}}: what is inside is an error as the kernel takes one.
      (if (i32.eqz (call $holds (local.get $text) (i32.const 6) (i32.const 112) (i32.const 6))) (then
        (return (call $answer
          (i32.const 1) (i32.add (local.get $text) (i32.const 9)) (i32.sub (local.get $size) (i32.const 10))))))
      (if (global.get $applying) (then
        (return (call $answer (i32.const 0) (i32.const 288) (i32.const 35)))))
      (local.set $runs (call $holds (local.get $text) (local.get $size) (i32.const 128) (i32.const 25)))
      (if (i32.eqz (local.get $runs)) (then
        (if (i32.eqz (call $holds (local.get $text) (local.get $size) (i32.const 160) (i32.const 26))) (then
          (return (call $answer (i32.const 1) (i32.const 976) (i32.const 142)))))))
      (if (i32.eq (local.get $runs) (global.get $wanted)) (then
        (if (local.get $runs) (then (return (call $answer (i32.const 0) (i32.const 368) (i32.const 52)))))
        (return (call $answer (i32.const 0) (i32.const 432) (i32.const 53)))))
      (if (global.get $wanted) (then (return (call $answer (i32.const 0) (i32.const 496) (i32.const 227)))))
      (call $answer (i32.const 0) (i32.const 736) (i32.const 225))))

  (core instance $made (instantiate $guest))
  (alias core export $made "memory" (core memory $memory))
  (alias core export $made "realloc" (core func $realloc))
  (alias core export $made "start" (core func $start))
  (alias core export $made "resume" (core func $resume))
  (func (export "start") (param "call-json" string) (result (result string (error string)))
    (canon lift (core func $start) (memory $memory) (realloc $realloc)))
  (func (export "resume") (param "answer-json" string) (result (result string (error string)))
    (canon lift (core func $resume) (memory $memory) (realloc $realloc))))
