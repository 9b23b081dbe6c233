#pragma once
// Budget: one total for the memory that peers can make the server keep: messages that arrive,
// what waits to be sent, uploads, and sound that is not yet text. Whoever keeps it charges it,
// by kind, and refunds it when it lets go; what would go beyond the total is refused.
//
// A budget of NULL is none: everything is granted and nothing counted.
//
// Threads: loop thread only.
// Memory:  the budget outlives whatever is charged to it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

enum budget_kind {
        BUDGET_MESSAGES,  // that arrive, and bytes not yet looked at
        BUDGET_SENDING,   // that the peer has not taken yet
        BUDGET_UPLOADS,   // bytes of files
        BUDGET_SOUND,     // of windows that are open
        BUDGET_BACKLOG,   // sound of windows that are closed and not yet text
        BUDGET_KIND_COUNT,
};

struct budget;

// A budget of `total` bytes.
struct budget *budget_new(size_t total);
struct budget *budget_free(struct budget *budget);

// Take `n` bytes. False beyond the total: then nothing is taken, and the refusal is counted.
bool budget_charge(struct budget *budget, enum budget_kind kind, size_t n);

// Whether budget_charge() would take them; a refusal is counted likewise.
bool budget_has_room(struct budget *budget, enum budget_kind kind, size_t n);

// Take them even beyond the total: what cannot be refused, such as what people are saying now.
void budget_charge_always(struct budget *budget, enum budget_kind kind, size_t n);

// Give back what was taken.
void budget_refund(struct budget *budget, enum budget_kind kind, size_t n);

// Less than a quarter is left: nobody new is taken in, and whoever can wait waits.
bool budget_is_tight(const struct budget *budget);

// What there is and what is taken, in bytes; and how often something was refused.
size_t budget_total(const struct budget *budget);
size_t budget_used(const struct budget *budget, enum budget_kind kind);
uint64_t budget_refusals(const struct budget *budget, enum budget_kind kind);

// "messages", "sending", ...; static.
const char *budget_kind_name(enum budget_kind kind);

DEFINE_CLEANUP(struct budget *, budget_free);
