#pragma once
// Locals that free themselves when they go out of scope:
//
//         CLEANUP(ring_freep) struct ring *ring = NULL;
//
// DEFINE_CLEANUP(struct ring *, ring_free) beside a destructor declares ring_freep().
// A constructor builds in such a local and hands it over with TAKE() in its last lines.

#define CLEANUP(function) __attribute__((cleanup(function)))

#define DEFINE_CLEANUP(type, free_function)                  \
        static inline void free_function##p(type *pointer) { \
                *pointer = free_function(*pointer);          \
        }                                                    \
        struct free_function##_needs_semicolon

// The pointer's value; the pointer itself becomes NULL, so that its cleanup does nothing.
#define TAKE(pointer)                                   \
        ({                                              \
                __typeof__(pointer) taken_ = (pointer); \
                (pointer) = NULL;                       \
                taken_;                                 \
        })
