#include "util/budget.h"

#include <assert.h>
#include <stdlib.h>

#include "util/mem.h"

struct budget {
        size_t total;
        size_t used;  // of all kinds; beyond the total by what was charged always
        size_t used_by[BUDGET_KIND_COUNT];
        uint64_t n_refused[BUDGET_KIND_COUNT];
};

struct budget *budget_new(size_t total) {
        struct budget *budget = xnew(struct budget);

        budget->total = total;
        return budget;
}

struct budget *budget_free(struct budget *budget) {
        assert(!budget || budget->used == 0);
        return mem_free(budget);
}

bool budget_has_room(struct budget *budget, enum budget_kind kind, size_t n) {
        if (!budget || (budget->used <= budget->total && n <= budget->total - budget->used))
                return true;
        budget->n_refused[kind]++;
        return false;
}

bool budget_charge(struct budget *budget, enum budget_kind kind, size_t n) {
        if (!budget_has_room(budget, kind, n))
                return false;
        budget_charge_always(budget, kind, n);
        return true;
}

void budget_charge_always(struct budget *budget, enum budget_kind kind, size_t n) {
        if (!budget)
                return;
        budget->used += n;
        budget->used_by[kind] += n;
}

void budget_refund(struct budget *budget, enum budget_kind kind, size_t n) {
        if (!budget)
                return;
        assert(n <= budget->used_by[kind]);
        budget->used -= n;
        budget->used_by[kind] -= n;
}

bool budget_is_tight(const struct budget *budget) {
        return budget && budget->used > budget->total / 4 * 3;
}

size_t budget_total(const struct budget *budget) {
        return budget->total;
}

size_t budget_used(const struct budget *budget, enum budget_kind kind) {
        return budget->used_by[kind];
}

uint64_t budget_refusals(const struct budget *budget, enum budget_kind kind) {
        return budget->n_refused[kind];
}

const char *budget_kind_name(enum budget_kind kind) {
        static const char *const names[BUDGET_KIND_COUNT] = {
                [BUDGET_MESSAGES] = "messages", [BUDGET_SENDING] = "sending",
                [BUDGET_UPLOADS] = "uploads",   [BUDGET_SOUND] = "sound",
                [BUDGET_BACKLOG] = "backlog",
        };

        return names[kind];
}
