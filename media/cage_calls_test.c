// The filter of calls, run here instead of by the kernel: so it is looked at on any
// architecture, under an emulator too, which has no seccomp.
#include "media/cage_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE     AUDIT_ARCH_X86_64
#define FOREIGN_ARCHITECTURE AUDIT_ARCH_I386
#else
#define OWN_ARCHITECTURE     AUDIT_ARCH_AARCH64
#define FOREIGN_ARCHITECTURE AUDIT_ARCH_ARM
#endif

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset) {
        uint32_t ret;

        assert_in_range(offset, 0, sizeof(*data) - sizeof(ret));
        memcpy(&ret, (const char *)data + offset, sizeof(ret));
        return ret;
}

static int compare_words(uint16_t code, uint32_t a, uint32_t k) {
        switch (BPF_OP(code)) {
        case BPF_JEQ:
                return a == k;
        case BPF_JGT:
                return a > k;
        case BPF_JGE:
                return a >= k;
        case BPF_JSET:
                return (a & k) != 0;
        default:
                fail_msg("a jump of another kind: %#x", code);
                return 0;
        }
}

// What the kernel would do about a call.
static uint32_t judge(const struct media_cage_filter *filter, const struct seccomp_data *data) {
        uint32_t a = 0;

        for (size_t i = 0; i < filter->n; i++) {
                const struct sock_filter *at = &filter->instructions[i];

                if (at->code == (BPF_LD | BPF_W | BPF_ABS))
                        a = word_at(data, at->k);
                else if (at->code == (BPF_ALU | BPF_AND | BPF_K))
                        a &= at->k;
                else if (at->code == (BPF_RET | BPF_K))
                        return at->k;
                else if (at->code == (BPF_JMP | BPF_JA))
                        i += at->k;
                else
                        i += compare_words(at->code, a, at->k) ? at->jt : at->jf;
        }
        fail_msg("the filter has no end");
        return 0;
}

// 0 when the call with this first argument is let through, else its errno. The second is a type
// of sockets.
static int judge_call(const struct media_cage_filter *filter, int number, uint64_t argument) {
        struct seccomp_data data = {
                .nr = number, .arch = OWN_ARCHITECTURE, .args = {argument, SOCK_STREAM}};
        uint32_t verdict = judge(filter, &data);

        if (verdict == SECCOMP_RET_ALLOW)
                return 0;
        assert_int_equal(verdict & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        return (int)(verdict & SECCOMP_RET_DATA);
}

static void check_all_kinds(const struct media_cage_filter *filter) {
        const struct seccomp_data foreign = {.nr = SYS_read, .arch = FOREIGN_ARCHITECTURE};

        assert_int_equal(judge_call(filter, SYS_read, 0), 0);
        assert_int_equal(judge_call(filter, SYS_futex, 0), 0);
        assert_int_equal(judge_call(filter, SYS_exit_group, 0), 0);
        assert_int_equal(judge_call(filter, SYS_execve, 0), EPERM);
        assert_int_equal(judge_call(filter, SYS_ptrace, 0), EPERM);
        assert_int_equal(judge_call(filter, SYS_unlinkat, 0), EPERM);
        assert_int_equal(judge_call(filter, SYS_clone3, 0), ENOSYS);
        assert_true(judge(filter, &foreign) != SECCOMP_RET_ALLOW);
}

static void test_who_reads_from_the_network(void **state) {
        struct media_cage_filter filter;
        struct error error = {0};

        (void)state;
        assert_int_equal(media_cage_calls_make(&filter, MEDIA_NETWORK, &error), 0);
        if (filter.n == 0)
                skip();
        check_all_kinds(&filter);
        assert_int_equal(judge_call(&filter, SYS_connect, 0), 0);
        assert_int_equal(judge_call(&filter, SYS_socket, AF_NETLINK), EAFNOSUPPORT);
        assert_int_equal(judge_call(&filter, SYS_listen, 0), EPERM);
        free(filter.instructions);
}

static void test_who_reads_a_descriptor(void **state) {
        struct media_cage_filter filter;
        struct error error = {0};

        (void)state;
        assert_int_equal(media_cage_calls_make(&filter, MEDIA_UPLOAD, &error), 0);
        if (filter.n == 0)
                skip();
        check_all_kinds(&filter);
        assert_int_equal(judge_call(&filter, SYS_openat, 0), EACCES);
        assert_int_equal(judge_call(&filter, SYS_socket, AF_INET), EACCES);
        assert_int_equal(judge_call(&filter, SYS_connect, 0), EACCES);
        free(filter.instructions);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_reads_from_the_network),
                cmocka_unit_test(test_who_reads_a_descriptor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
