/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void switch_to(struct switch_point *from, struct switch_point *to)
 *
 * System V AMD64 ABI 3.2.1: the callee keeps rbx, rbp, r12-r15, the control bits of mxcsr and the
 * x87 control word; everything else is the caller's. switch_x86_64.c makes the first frame.
 */
	.text
	.globl	switch_to
	.hidden	switch_to
	.type	switch_to, @function
switch_to:
	.cfi_startproc
	endbr64
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	push	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	push	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	mov	%rsp, (%rdi)
	mov	(%rsi), %rsp
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	pop	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	pop	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	switch_to, .-switch_to

/* Where a fresh stack begins: nobody called it, and a debugger shall see that. */
	.globl	switch_begin
	.hidden	switch_begin
	.type	switch_begin, @function
switch_begin:
	.cfi_startproc
	.cfi_undefined %rip
	mov	%r12, %rdi
	call	*%rbx
	ud2
	.cfi_endproc
	.size	switch_begin, .-switch_begin

	.section .note.GNU-stack, "", @progbits

/* Indirect branch tracking, but no shadow stack: the `ret` above leaves for another stack. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0
