/* References that ld.so binds without asking the auditor, GLOB_DAT and R_X86_64_64, become JUMP_SLOT before it relocates the object. For
 * an addend of 0 the three write the same value; but la_symbind64 is called for the last one only. */
#include "observer.h"
#include "system.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { PAGE = 4096, CANONICAL = 1024 };

static const char *canonical[CANONICAL];
static unsigned canonical_count;

int observer_is_canonical(const char *symbol) {
    for (unsigned i = 0; i < canonical_count; i++)
        if (same(canonical[i], symbol))
            return 1;
    return 0;
}

/* An undefined symbol with a value: a program that is not position-independent has made its own PLT entry the function's address. */
static void note_canonical(const struct object *object) {
    if (!object->plt || !object->symbols || !object->strings)
        return;
    for (size_t i = 0; i < object->plt_size / sizeof *object->plt; i++) {
        const Elf64_Sym *symbol = &object->symbols[ELF64_R_SYM(object->plt[i].r_info)];
        const char *name = object->strings + symbol->st_name;
        if (symbol->st_shndx == SHN_UNDEF && symbol->st_value && canonical_count < CANONICAL && observer_is_api(name))
            canonical[canonical_count++] = name;
    }
}

/* A page of the relocation table, writable for the moment. */
struct page {
    const struct object *object;
    Elf64_Addr at;
    const Elf64_Phdr *segment;
};

static const Elf64_Phdr *segment_of(const struct object *object, Elf64_Addr address) {
    for (unsigned i = 0; i < object->header_count; i++) {
        const Elf64_Phdr *header = &object->headers[i];
        if (header->p_type == PT_LOAD && address - object->base - header->p_vaddr < header->p_filesz)
            return header;
    }
    return NULL;
}

static int protection(const Elf64_Phdr *segment) {
    unsigned flags = segment->p_flags;
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/* Where a changed page may not be executable again (SELinux's execmod), the file's own takes its place. */
static void restore(const struct object *object, const Elf64_Phdr *segment, Elf64_Addr at) {
    int file = (int)call6(SYS_openat, AT_FDCWD, (long)object->path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    long offset = (long)(segment->p_offset + (at - object->base - segment->p_vaddr));
    if (file >= 0) {
        call6(SYS_mmap, (long)at, PAGE, protection(segment), MAP_PRIVATE | MAP_FIXED, file, offset);
        call3(SYS_close, file, 0, 0);
    }
}

static void give_up(unsigned index) {
    struct reference *reference = observer_objects[index].references;
    for (; reference; reference = reference->next) {
        if (reference->state == RETAGGED)
            observer_unseen(index, reference->symbol, VIA_PLT, "refused");
        reference->state = RAW;
    }
}

/* 1 where what has been written there stays. */
static int shut(unsigned index, struct page *page) {
    Elf64_Addr at = page->at;
    page->at = 0;
    if (!at || page->segment->p_flags & PF_W || !failed(call3(SYS_mprotect, (long)at, PAGE, protection(page->segment))) ||
        !(page->segment->p_flags & PF_X))
        return 1;
    restore(page->object, page->segment, at);
    give_up(index);
    return 0;
}

/* Never writable and executable at once: nobody runs code of an object that ld.so is still loading. */
static int open_page(struct page *page, Elf64_Addr address) {
    page->at = address & ~(Elf64_Addr)(PAGE - 1);
    page->segment = segment_of(page->object, address);
    if (page->segment && page->segment->p_flags & PF_W)
        return 1;
    if (page->segment && !failed(call3(SYS_mprotect, (long)page->at, PAGE, PROT_READ | PROT_WRITE)))
        return 1;
    page->at = 0;
    return 0;
}

static void note(unsigned index, const char *symbol, int state) {
    struct reference *reference = observer_reference(index, symbol);
    if (!reference)
        reference = observer_new_reference(index, symbol);
    if (reference && state == RAW)
        reference->state = RAW;
}

/* Why the reference must stay as it is, or NULL. */
static const char *obstacle(const struct object *object, const Elf64_Rela *relocation, const Elf64_Sym *symbol, const char *name) {
    if (observer_audit_version < 2)
        return "old-loader"; /* up to glibc 2.34 la_symbind64 is not called for what is bound at once */
    if (relocation->r_addend && ELF64_R_TYPE(relocation->r_info) == R_X86_64_64)
        return "addend";
    if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT)
        return "protected"; /* ld.so binds a PLT-class reference to it otherwise than this one */
    if (object->space == LM_ID_BASE && observer_is_canonical(name))
        return "canonical";
    return NULL;
}

static int is_candidate(const Elf64_Rela *relocation) {
    unsigned type = ELF64_R_TYPE(relocation->r_info);
    return (type == R_X86_64_GLOB_DAT || type == R_X86_64_64) && ELF64_R_SYM(relocation->r_info);
}

static void retag(unsigned index, Elf64_Rela *relocation, struct page *page) {
    const struct object *object = &observer_objects[index];
    const Elf64_Sym *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];
    const char *name = object->strings + symbol->st_name;
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    int api = observer_is_api(name);
    if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ||
        (!api && !observer_is_departure(name)))
        return;
    const char *reason = obstacle(object, relocation, symbol, name);
    Elf64_Addr address = (Elf64_Addr)&relocation->r_info;
    if (!reason && (address & ~(Elf64_Addr)(PAGE - 1)) != page->at && (!shut(index, page) || !open_page(page, address)))
        reason = "refused";
    if (!reason)
        relocation->r_info = ELF64_R_INFO(ELF64_R_SYM(relocation->r_info), R_X86_64_JUMP_SLOT);
    else if (api)
        observer_unseen(index, name, VIA_PLT, reason);
    if (api)
        note(index, name, reason ? RAW : RETAGGED);
}

static int is_loader(const struct object *object) {
    return object->base && object->base == observer_auxiliary_value(AT_BASE);
}

void observer_retag(unsigned index) {
    const struct object *object = &observer_objects[index];
    struct page page = {object, 0, NULL};
    if (object->executable)
        note_canonical(object);
    /* ld.so has relocated itself long ago. */
    if (!object->relocations || !object->symbols || !object->strings || is_loader(object))
        return;
    Elf64_Rela *end = (Elf64_Rela *)((char *)object->relocations + object->relocations_size);
    for (Elf64_Rela *relocation = object->relocations; relocation < end; relocation++)
        if (is_candidate(relocation))
            retag(index, relocation, &page);
    shut(index, &page);
}
