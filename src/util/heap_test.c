#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/heap.h"

#define NODES 20000

struct number {
        struct heap_node node;
        unsigned value;
};

static struct number numbers[NODES];
static size_t n_compared;

static bool number_is_before(const struct heap_node *a, const struct heap_node *b) {
        n_compared++;
        return ((const struct number *)a)->value < ((const struct number *)b)->value;
}

// What a heap would give, found the long way.
static const struct number *least_of(size_t n) {
        const struct number *least = NULL;

        for (size_t i = 0; i < n; i++)
                if (numbers[i].node.place > 0 && (!least || numbers[i].value < least->value))
                        least = &numbers[i];
        return least;
}

static void the_first_is_always_the_least(void **state) {
        struct heap heap = {.is_before = number_is_before};
        uint32_t random = 1;

        (void)state;
        heap_reserve(&heap, 200);
        for (int step = 0; step < 20000; step++) {
                struct number *number;

                random = random * 1664525 + 1013904223;
                number = &numbers[(random >> 8) % 200];
                if (number->node.place > 0) {
                        heap_remove(&heap, &number->node);
                } else {
                        number->value = random >> 20;
                        heap_put(&heap, &number->node);
                }
                if (heap.n == 0)
                        assert_null(heap_first(&heap));
                else
                        assert_int_equal(((struct number *)heap_first(&heap))->value,
                                         least_of(200)->value);
        }
        while (heap.n > 0)
                heap_remove(&heap, heap_first(&heap));
        heap_deinit(&heap);
}

// Of 20,000 each is put in and taken out again at 15 levels with two comparisons at most.
static void steps_grow_with_the_logarithm(void **state) {
        struct heap heap = {.is_before = number_is_before};

        (void)state;
        heap_reserve(&heap, NODES);
        n_compared = 0;
        for (unsigned i = 0; i < NODES; i++) {
                numbers[i].value = i;
                heap_put(&heap, &numbers[i].node);
        }
        for (unsigned i = 0; i < NODES; i++)
                heap_remove(&heap, &numbers[NODES - 1 - i].node);
        for (unsigned i = 0; i < NODES; i++) {
                numbers[i].value = NODES - i;
                heap_put(&heap, &numbers[i].node);
        }
        for (unsigned i = 0; i < NODES; i++)
                heap_remove(&heap, heap_first(&heap));
        assert_true(n_compared < (size_t)NODES * 4 * 2 * 15);
        heap_deinit(&heap);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_is_always_the_least),
                cmocka_unit_test(steps_grow_with_the_logarithm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
