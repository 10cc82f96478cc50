/* The trampolines: x86-64, System V ABI.
 *
 * A trampoline knows nothing of its function's signature: it leaves every register alone but %r11, which the psABI gives to the PLT
 * (and the flags, which are dead at a call). It adds one to the thread's own counter, no lock needed, and jumps.
 * The slow path, taken until the target is known, saves every register that may carry an argument, vector ones at full width. */

#define BLOCK_CALLS 64 /* offsetof(struct block, calls) in counters.c */
#define UNCOUNTED 0x80000000

    .macro TRAMPOLINE index, symbol
    .globl \symbol
    .type \symbol, @function
    .p2align 4
\symbol:
.Ltrampoline\index:
    endbr64
    movq xd_block@gottpoff(%rip), %r11
    movq %fs:(%r11), %r11
    testq %r11, %r11
    jz 1f
    incq BLOCK_CALLS + 8 * \index(%r11)
    jmp *xd_target + 8 * \index(%rip)
1:  movl $\index, %r11d
    jmp uncounted
    .size \symbol, . - \symbol
    .endm

    .macro COLD index
.Lcold\index:
    endbr64
    movl $\index, %r11d
    jmp slow
    .endm

    .hidden xd_block
    .hidden xd_target
    .hidden xd_slow
    .hidden xd_vector_area

    .text
trampolines:
    .cfi_startproc
#define FUNCTION(index, symbol, node, kind) TRAMPOLINE index, symbol
#include "hip_functions.inc"
#undef FUNCTION
#define FUNCTION(index, symbol, node, kind) COLD index
#include "hip_functions.inc"
#undef FUNCTION
    .cfi_endproc

/* In: %r11d the function's index, UNCOUNTED set where its call has not been counted yet. */
    .p2align 4
    .type uncounted, @function
uncounted:
    .cfi_startproc
    orl $UNCOUNTED, %r11d
slow:
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
    movq %r11, -72(%rbp)
    andq $-64, %rsp
    call xd_vector_area /* %rax: bytes, a multiple of 64; %rdx: XSAVE mask, 0 for FXSAVE */
    subq %rax, %rsp
    movq %rdx, -80(%rbp)
    testl %edx, %edx
    jz 1f
    xorl %eax, %eax /* XRSTOR wants a clean header */
    movq %rax, 512(%rsp)
    movq %rax, 520(%rsp)
    movq %rax, 528(%rsp)
    movq %rax, 536(%rsp)
    movq %rax, 544(%rsp)
    movq %rax, 552(%rsp)
    movq %rax, 560(%rsp)
    movq %rax, 568(%rsp)
    movl %edx, %eax
    xorl %edx, %edx
    xsave (%rsp)
    jmp 2f
1:  fxsave (%rsp)
2:  movl -72(%rbp), %edi
    call xd_slow
    movq %rax, -72(%rbp)
    movl -80(%rbp), %eax
    testl %eax, %eax
    jz 3f
    xorl %edx, %edx
    xrstor (%rsp)
    jmp 4f
3:  fxrstor (%rsp)
4:  movq -8(%rbp), %rax
    movq -16(%rbp), %rcx
    movq -24(%rbp), %rdx
    movq -32(%rbp), %rsi
    movq -40(%rbp), %rdi
    movq -48(%rbp), %r8
    movq -56(%rbp), %r9
    movq -64(%rbp), %r10
    movq -72(%rbp), %r11
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    jmp *%r11
    .cfi_endproc
    .size uncounted, . - uncounted

/* What a function answers that nobody implements, by the kind of what it returns. */
    .cfi_startproc
unsupported_error:
    endbr64
#ifdef COUNT_IMPLEMENTATIONS
    .hidden hip_not_supported
    jmp hip_not_supported /* remembers the error as the thread's last */
#else
    movl $801, %eax /* hipErrorNotSupported */
    ret
#endif
unsupported_pointer:
unsupported_nothing:
    endbr64
    xorl %eax, %eax
    ret
unsupported_number:
    endbr64
    movl $-1, %eax
    ret
unsupported_channel: /* struct hipChannelFormatDesc: 20 bytes where %rdi says */
    endbr64
    movq %rdi, %rax
    movq $0, (%rdi)
    movq $0, 8(%rdi)
    movl $0, 16(%rdi)
    ret
    .cfi_endproc

    .macro TABLE name
    .globl \name
    .hidden \name
    .p2align 6
    .type \name, @object
\name:
    .endm

    .section .data.rel.ro, "aw", @progbits
    TABLE xd_trampoline
#define FUNCTION(index, symbol, node, kind) .quad .Ltrampoline##index
#include "hip_functions.inc"
#undef FUNCTION
    TABLE xd_cold
#define FUNCTION(index, symbol, node, kind) .quad .Lcold##index
#include "hip_functions.inc"
#undef FUNCTION
    TABLE xd_unsupported
#define FUNCTION(index, symbol, node, kind) .quad unsupported_##kind
#include "hip_functions.inc"
#undef FUNCTION

#ifdef COUNT_IMPLEMENTATIONS
/* impl_SYMBOL where C code defines it, else what is unsupported. */
    .macro IMPLEMENTATION symbol, kind
    .weak impl_\symbol
    .hidden impl_\symbol
    .set impl_\symbol, unsupported_\kind
    .quad impl_\symbol
    .endm
    TABLE xd_implementation
#define FUNCTION(index, symbol, node, kind) IMPLEMENTATION symbol, kind
#include "hip_functions.inc"
#undef FUNCTION
#else
/* trace_SYMBOL where C code defines it, else NULL. */
    .macro HANDLER symbol
    .weak trace_\symbol
    .hidden trace_\symbol
    .quad trace_\symbol
    .endm
    TABLE xd_handler
#define FUNCTION(index, symbol, node, kind) HANDLER symbol
#include "hip_functions.inc"
#undef FUNCTION
#endif

    .data
    TABLE xd_target
#define FUNCTION(index, symbol, node, kind) .quad .Lcold##index
#include "hip_functions.inc"
#undef FUNCTION

    .section .note.GNU-stack, "", @progbits

/* NT_GNU_PROPERTY_TYPE_0: this code is ready for indirect-branch tracking and shadow stacks. */
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 3, 0
