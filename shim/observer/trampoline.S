/* The trampolines: x86-64, System V ABI.
 *
 * A trampoline knows nothing of its function's signature. It leaves every register alone but %r11, which the psABI gives to the PLT
 * (and the flags, which are dead at a call), adds one to the thread's own counter, no lock needed, and jumps. */
#include "observer.h"

    .hidden observer_block
    .hidden observer_wiped
    .hidden observer_target

    .globl observer_trampolines
    .hidden observer_trampolines

/* 48 bytes each, every displacement at full width. */
    .macro TRAMPOLINE
    .org observer_trampolines + TRAMPOLINE_SIZE * .Lindex
    endbr64
    movq observer_block@gottpoff(%rip), %r11
    movq %fs:(%r11), %r11
    andq observer_wiped(%rip), %r11 /* zero: a thread without a block, or a forked child */
    .byte 0x74, 13                  /* jz over the next two */
    .byte 0x49, 0xff, 0x83          /* incq 8 * index(%r11) */
    .long 8 * .Lindex
    jmp *observer_target + 8 * .Lindex(%rip)
    movl $.Lindex, %r11d
    jmp slow
    .set .Lindex, .Lindex + 1
    .endm

    .text
    .p2align 6
    .type observer_trampolines, @object
observer_trampolines:
    .cfi_startproc
    .set .Lindex, 0
    .rept TRAMPOLINES
    TRAMPOLINE
    .endr
    .org observer_trampolines + TRAMPOLINE_SIZE * TRAMPOLINES
    .cfi_endproc
    .size observer_trampolines, . - observer_trampolines

/* Stubs that tell a function of all which of them it is. */
    .macro STUBS name, count, function
    .globl \name
    .hidden \name
    .p2align 6
    .type \name, @object
\name:
    .cfi_startproc
    .set .Lindex, 0
    .rept \count
    .org \name + STUB_SIZE * .Lindex
    endbr64
    movl $.Lindex, %r11d
    jmp \function
    .set .Lindex, .Lindex + 1
    .endr
    .org \name + STUB_SIZE * \count
    .cfi_endproc
    .size \name, . - \name
    .endm

    /* Where the trampolines of functions lead that hand out addresses. */
    STUBS observer_lookups, LOOKUPS, lookup
    STUBS observer_becoming, DEPARTURES, become
    STUBS observer_starting, DEPARTURES, start

    .section .text.slow, "ax", @progbits
/* In: %r11d the index. Calls the C with it and the first two arguments, and goes on where that says. The C is compiled without vector
 * registers: they need no saving. */
    .macro BEFORE name, function
    .hidden \function
    .type \name, @function
\name:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $80, %rsp
    movq %rax, -8(%rbp)
    movq %rcx, -16(%rbp)
    movq %rdx, -24(%rbp)
    movq %rsi, -32(%rbp)
    movq %rdi, -40(%rbp)
    movq %r8, -48(%rbp)
    movq %r9, -56(%rbp)
    movq %r10, -64(%rbp)
    andq $-16, %rsp
    movq %rsi, %rdx
    movq %rdi, %rsi
    movl %r11d, %edi
    cld
    call \function
    movq %rax, %r11
    movq -8(%rbp), %rax
    movq -16(%rbp), %rcx
    movq -24(%rbp), %rdx
    movq -32(%rbp), %rsi
    movq -40(%rbp), %rdi
    movq -48(%rbp), %r8
    movq -56(%rbp), %r9
    movq -64(%rbp), %r10
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    jmp *%r11
    .cfi_endproc
    .size \name, . - \name
    .endm

    BEFORE slow, observer_slow
    BEFORE become, observer_becomes

/* Calls the function at that place of `behind`, whose arguments (at most six) are in registers, and where it succeeds (0) the C with the
 * index and the first two of them. */
    .macro AFTER name, behind, function
    .hidden \behind
    .hidden \function
    .type \name, @function
\name:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $32, %rsp
    movq %rdi, -8(%rbp)
    movq %rsi, -16(%rbp)
    movq %r11, -24(%rbp)
    leaq \behind(%rip), %r10
    call *(%r10, %r11, 8)
    movq %rax, -32(%rbp)
    testl %eax, %eax
    jnz 1f
    movl -24(%rbp), %edi
    movq -8(%rbp), %rsi
    movq -16(%rbp), %rdx
    call \function
    movq -32(%rbp), %rax
1:  leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size \name, . - \name
    .endm

    AFTER lookup, observer_behind_lookup, observer_handed_out
    AFTER start, observer_behind_departure, observer_started

    .section .note.GNU-stack, "", @progbits

/* NT_GNU_PROPERTY_TYPE_0: this code is ready for indirect-branch tracking and shadow stacks. */
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 3, 0
