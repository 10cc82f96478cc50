/* A runtime under a name that nobody knows, with few functions. hipMemcpy keeps what all argument registers held. */
#include <stddef.h>

int hipInit(unsigned flags);
int hipInit(unsigned flags) {
    return (int)flags;
}

struct registers {
    unsigned long general[8]; /* rdi rsi rdx rcx r8 r9 rax r10 */
    unsigned char vectors[16][64];
};
struct registers seen;
int vector_bytes = 16; /* 16, 32 or 64 */

__asm__(".globl hipMemcpy\n.type hipMemcpy, @function\n"
        "hipMemcpy:\n"
        "  endbr64\n"
        "  mov seen@GOTPCREL(%rip), %r11\n"
        "  mov %rdi, (%r11)\n  mov %rsi, 8(%r11)\n  mov %rdx, 16(%r11)\n  mov %rcx, 24(%r11)\n"
        "  mov %r8, 32(%r11)\n  mov %r9, 40(%r11)\n  mov %rax, 48(%r11)\n  mov %r10, 56(%r11)\n"
        "  mov vector_bytes@GOTPCREL(%rip), %rax\n"
        "  mov (%rax), %eax\n"
        "  cmp $32, %eax\n  jl 1f\n  je 2f\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  vmovdqu64 %zmm\\n, 64+64*\\n(%r11)\n.endr\n  jmp 3f\n"
        "1:\n.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  movdqu %xmm\\n, 64+64*\\n(%r11)\n.endr\n  jmp 3f\n"
        "2:\n.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  vmovdqu %ymm\\n, 64+64*\\n(%r11)\n.endr\n"
        "3:  xor %eax, %eax\n  ret\n"
        ".size hipMemcpy, . - hipMemcpy\n");
