#include "journal/keeping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "journal/journal_rig.h"
#include "journal/ledger.h"

// A database that refuses is not asked again at once: whoever does that says so each time.
static void what_fails_is_tried_again_at_the_next_look(void **state) {
        char *folder = journal_rig_folder();
        struct ledger ledger = {.folder = folder};
        struct keeping keeping = {.age = 3600};
        struct error error = {0};

        (void)state;
        assert_int_equal(ledger_open(&ledger, &error), 0);
        assert_int_equal(
                database_run(ledger.database.sqlite, "ALTER TABLE rows RENAME TO gone", &error),
                0);
        assert_int_equal(keeping_step(&keeping, &ledger, 1, 1, &error), 0);
        assert_true(keeping_step(&keeping, &ledger, 1, 1, &error) < 0);
        assert_true(keeping.next_at >= 10 * NSEC_PER_SEC);
        // Nothing is done before that.
        assert_int_equal(keeping_step(&keeping, &ledger, NSEC_PER_SEC, 1, &error), 0);
        assert_true(keeping_step(&keeping, &ledger, keeping.next_at, 1, &error) < 0);
        ledger_close(&ledger);
        journal_rig_remove(folder);
        free(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_fails_is_tried_again_at_the_next_look),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
