#pragma once
// Embedded file: a file's bytes within the program, put there by the assembler.
//
// Threads: any; constant.

// At file level: declares `name` and `name_end`, between which the file's bytes are, with a
// zero behind them. The path is a string literal, absolute. A build does not see that the file
// changed: the source that says this needs it in its OBJECT_DEPENDS.
#define EMBEDDED_FILE(name, path)                         \
        __asm__(".pushsection .rodata\n"                  \
                ".global " #name "\n" #name ":\n"         \
                ".incbin \"" path "\"\n"                  \
                ".global " #name "_end\n" #name "_end:\n" \
                ".byte 0\n"                               \
                ".popsection\n");                         \
        extern const unsigned char name[], name##_end[]
