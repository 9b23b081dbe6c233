// A plugin for qemu: how many of the guest's instructions each function of the program has run.
// It stands in for a processor that is not at hand, and says nothing of how long an instruction
// takes.
//
//     gcc -shared -fPIC -O2 bench/qemu_count.c -o build/qemu_count.so
//     qemu-aarch64 -plugin build/qemu_count.so -d plugin build/arm64/eavesdrop ...
//
// One thread is counted rightly: others may take each other's instructions away. qemu's package
// has no header for plugins, so what is used of it is declared here (version 1, qemu 4.2 to 8).
//
// Threads: qemu's.

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translation_callback)(uint64_t id, struct qemu_plugin_tb *tb);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translation_callback callback);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t, void *),
                                           void *data);
// Operation 0 adds a number to what is at `at` whenever the block has run.
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int operation,
                                                     void *at, uint64_t number);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t index);
extern const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_outs(const char *text);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#define FUNCTIONS_MAX 65536
#define SHOWN         40

static struct function {
        const char *name;
        uint64_t n;
} functions[FUNCTIONS_MAX];
static size_t n_functions;

static struct function *find_function(const char *name) {
        for (size_t i = 0; i < n_functions; i++)
                if (strcmp(functions[i].name, name) == 0)
                        return &functions[i];
        if (n_functions == FUNCTIONS_MAX)
                return &functions[0];
        functions[n_functions].name = name;
        return &functions[n_functions++];
}

static void count_block(uint64_t id, struct qemu_plugin_tb *tb) {
        const char *name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(tb, 0));

        (void)id;
        qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, &find_function(name ? name : "?")->n,
                                                 qemu_plugin_tb_n_insns(tb));
}

static int compare_functions(const void *a, const void *b) {
        const struct function *x = a, *y = b;

        return (x->n < y->n) - (x->n > y->n);
}

static void report(uint64_t id, void *data) {
        uint64_t total = 0;
        char line[256];

        (void)id, (void)data;
        qsort(functions, n_functions, sizeof(functions[0]), compare_functions);
        for (size_t i = 0; i < n_functions; i++)
                total += functions[i].n;
        snprintf(line, sizeof(line), "%14" PRIu64 " instructions\n", total);
        qemu_plugin_outs(line);
        for (size_t i = 0; i < n_functions && i < SHOWN; i++) {
                snprintf(line, sizeof(line), "%14" PRIu64 " %s\n", functions[i].n,
                         functions[i].name);
                qemu_plugin_outs(line);
        }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
        (void)info, (void)argc, (void)argv;
        qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
        qemu_plugin_register_atexit_cb(id, report, NULL);
        return 0;
}
