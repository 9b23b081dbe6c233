#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/encoder.h"
#include "whisper/model.h"
#include "whisper/slot.h"
#include "whisper/whisper.h"

/* Jobs sit in slots. A step is either one batch of windows through the encoder or one token (or
 * some of its prompt) for every live sequence. A batch is bounded in rows, and the two take
 * turns, so that a sequence in mid-decode never waits for a pile of new windows. Encoded
 * windows are the engine's memory, whose budget is fixed: further jobs wait in their slots. */

#define SLOTS 16
// Room for encoded windows that are being decoded, in full ones: 18 MB each with `base`. A
// short one takes as much less as it is shorter.
#define WINDOWS_MAX 16
// Room for what they say: so many sequences side by side in each slot, however long their
// texts. Blocks are made as they are wanted, and short texts want one or two each.
#define SEQUENCES_PER_SLOT 5
// Encoder rows that weigh as much as one step of the decoder (measured: about 15 ms).
#define ROWS_PER_STEP 50
// A few jobs that are not urgent (job.h) run where nobody else is at work. Beside others they
// get one in so many steps of the decoder, and as much of the encoder's time: enough to come to
// an end. More of them than a few, which came while nobody talked, make room by going on.
#define BACKGROUND_SHARE 8
#define BACKGROUND_FEW   4

struct engine_state {
        const struct whisper_model *model;
        struct team *team;
        struct linear_context *context;
        struct encoder *encoder;
        struct decoder *decoder;
        struct cross_kv_pool *cross_kv_pool;
        size_t n_kv_blocks;  // budget
        struct slot *slots;  // [n_slots]
        uint64_t *arrivals;  // [n_slots]: in which order they came
        size_t n_slots;      // at most ENCODER_WINDOWS_MAX
        uint64_t n_arrived;
        uint64_t n_steps;          // of the decoder
        bool was_encoding;         // the last step
        size_t n_rows_ahead;       // encoded, for which the decoder has not had its turns yet
        uint64_t background_step;  // of the decoder, before which jobs that are not urgent are
                                   // not encoded beside others
        struct fallback_pot pot;
};

static void engine_close(void *opaque) {
        struct engine_state *state = opaque;

        if (!state)
                return;
        for (size_t i = 0; i < state->n_slots; i++)
                slot_clear(&state->slots[i]);
        cross_kv_pool_free(state->cross_kv_pool);
        encoder_free(state->encoder);
        decoder_free(state->decoder);
        linear_context_free(state->context);
        team_free(state->team);
        free(state->slots);
        free(state->arrivals);
        free(state);
}

static int engine_open(void **ret, const void *opaque, struct error *error) {
        const struct whisper_model *model = opaque;
        struct engine_state *state = xnew(struct engine_state);
        int r;

        state->model = model;
        state->n_slots = model->n_slots > 0 ? model->n_slots : SLOTS;
        state->slots = xcalloc(state->n_slots, sizeof(*state->slots));
        state->arrivals = xcalloc(state->n_slots, sizeof(*state->arrivals));
        state->n_kv_blocks = model->n_kv_blocks > 0
                                     ? model->n_kv_blocks
                                     : state->n_slots * search_blocks(SEQUENCES_PER_SLOT);
        r = team_new(&state->team, (size_t)model->threads, "engine");
        if (r < 0)
                error_set(error, r, "cannot start the engine's threads: %s",
                          strerrordesc_np(-r));
        if (r == 0)
                r = linear_context_new(&state->context, state->team, error);
        if (r == 0) {
                r = encoder_new(&state->encoder, model, state->context, state->team);
                if (r == 0)
                        r = decoder_new(&state->decoder, model, state->n_kv_blocks,
                                        state->team);
                if (r == 0)
                        r = cross_kv_pool_new(&state->cross_kv_pool, model, WINDOWS_MAX,
                                              state->team);
                if (r < 0)
                        error_set(error, r, "no memory for an engine");
        }
        if (r < 0) {
                engine_close(state);
                return r;
        }
        *ret = state;
        return 0;
}

static int engine_prepare(const void *opaque, struct decode_options *options) {
        const struct whisper_model *model = opaque;

        return prompt_prepare(model->tokenizer, options);
}

static bool is_empty(const struct engine_state *state) {
        for (size_t i = 0; i < state->n_slots; i++)
                if (state->slots[i].phase != SLOT_FREE)
                        return false;
        return true;
}

static int engine_submit(void *opaque, const struct job *job) {
        struct engine_state *state = opaque;

        if (is_empty(state))
                fallback_pot_fill(&state->pot);
        for (size_t i = 0; i < state->n_slots; i++) {
                struct slot *slot = &state->slots[i];
                int r;

                if (slot->phase != SLOT_FREE)
                        continue;
                r = slot_start(slot, state->model, decoder_kv_pool(state->decoder), &state->pot,
                               state->team, job);
                if (r < 0)
                        return r;
                if (slot_blocks(slot) > state->n_kv_blocks) {
                        slot_clear(slot);
                        return -ENOMEM;
                }
                state->arrivals[i] = state->n_arrived++;
                return 0;
        }
        return ENGINE_E_FULL;
}

// The job's slot, NULL when it has left.
static struct slot *slot_of(struct engine_state *state, const struct job *job) {
        for (size_t i = 0; i < state->n_slots; i++)
                if (state->slots[i].phase != SLOT_FREE && state->slots[i].job == job)
                        return &state->slots[i];
        return NULL;
}

static void engine_cancel(void *opaque, const struct job *job) {
        struct slot *slot = slot_of(opaque, job);

        if (slot && slot->phase != SLOT_DONE)
                slot_fail(slot, -ECANCELED);
}

static void engine_hurry(void *opaque, const struct job *job) {
        struct slot *slot = slot_of(opaque, job);

        if (slot)
                slot->budget.is_overdue = true;
}

static void engine_promote(void *opaque, const struct job *job) {
        struct slot *slot = slot_of(opaque, job);

        if (slot)
                slot->rank = JOB_RANK_FINAL;
}

// By rank, first attempts, then by deadline, then as they came.
static bool goes_before(const struct engine_state *state, const struct slot *a,
                        const struct slot *b) {
        if (a->rank != b->rank)
                return a->rank < b->rank;
        if (a->budget.is_retrying != b->budget.is_retrying)
                return b->budget.is_retrying;
        if (a->job->deadline != b->job->deadline)
                return a->job->deadline < b->job->deadline;
        return state->arrivals[a - state->slots] < state->arrivals[b - state->slots];
}

// Windows to encode together, the most urgent first.
struct encoder_batch {
        struct slot *owners[ENCODER_WINDOWS_MAX];
        size_t n, n_rows;
};

// All that want to be encoded, in their order.
static void batch_find(struct encoder_batch *batch, struct engine_state *state) {
        batch->n = batch->n_rows = 0;
        for (size_t i = 0; i < state->n_slots; i++) {
                struct slot *slot = &state->slots[i];
                size_t at = batch->n;

                if (slot->phase != SLOT_ENCODE)
                        continue;
                for (; at > 0 && goes_before(state, slot, batch->owners[at - 1]); at--)
                        batch->owners[at] = batch->owners[at - 1];
                batch->owners[at] = slot;
                batch->n++;
        }
}

// KV blocks that the jobs at work may come to hold.
static size_t blocks_promised(const struct engine_state *state) {
        size_t n = 0;

        for (size_t i = 0; i < state->n_slots; i++)
                if (state->slots[i].cross_kv)
                        n += slot_blocks(&state->slots[i]);
        return n;
}

// Keep those that fit into one run and into the KV caches; a long window does not hold up
// shorter ones behind it, but what is too wide for the decoder's cache does, so that it has its
// turn. What ranks lower does not ride along, or those before it would wait for it.
static void batch_trim(struct encoder_batch *batch, const struct engine_state *state) {
        size_t n_found = batch->n, n_promised = 0, n_blocks = blocks_promised(state);

        batch->n = 0;
        for (size_t i = 0; i < n_found; i++) {
                struct slot *slot = batch->owners[i];
                size_t n_rows = slot->context.n_rows;

                if (n_blocks + slot_blocks(slot) > state->n_kv_blocks)
                        break;
                if (batch->n_rows + n_rows > ENCODER_ROWS_MAX ||
                    slot->rank != batch->owners[0]->rank ||
                    !cross_kv_pool_has_room(state->cross_kv_pool, n_promised, n_rows))
                        continue;
                batch->owners[batch->n++] = slot;
                batch->n_rows += n_rows;
                n_blocks += slot_blocks(slot);
                n_promised += cross_kv_pool_claim(n_rows);
        }
}

static void encode(struct engine_state *state, const struct encoder_batch *batch) {
        struct encoder_window windows[ENCODER_WINDOWS_MAX];
        struct cross_kv *cross_kvs[ENCODER_WINDOWS_MAX] = {NULL};
        const float *features = NULL;
        int r;

        for (size_t i = 0; i < batch->n; i++) {
                struct slot *owner = batch->owners[i];

                windows[i] = slot_window(owner);
                fallback_budget_charge(&owner->budget, owner->job,
                                       owner->context.n_rows / ROWS_PER_STEP);
        }
        r = encoder_run(state->encoder, windows, batch->n, &features);
        if (r == 0)
                r = cross_kv_compute(cross_kvs, state->cross_kv_pool, state->encoder, windows,
                                     batch->n);
        for (size_t i = 0; i < batch->n; i++) {
                if (r < 0)
                        slot_fail(batch->owners[i], r);
                else
                        slot_on_encoded(batch->owners[i], cross_kvs[i]);
        }
}

// One step of a decoder batch: whose rows they are.
struct row_batch {
        struct decoder_row rows[DECODER_ROWS_MAX];
        struct sequence *sequences[DECODER_ROWS_MAX];
        struct slot *owners[DECODER_ROWS_MAX];
        size_t n;
};

// Whether jobs whose text somebody waits for are being decoded.
static bool is_better_at_work(const struct engine_state *state) {
        for (size_t i = 0; i < state->n_slots; i++)
                if (slot_is_decoding(&state->slots[i]) &&
                    state->slots[i].rank != JOB_RANK_BACKGROUND)
                        return true;
        return false;
}

// Whether jobs that are not urgent have to wait for others at work.
static bool must_background_yield(const struct engine_state *state) {
        size_t n_background = 0;

        for (size_t i = 0; i < state->n_slots; i++)
                n_background += state->slots[i].phase != SLOT_FREE &&
                                state->slots[i].rank == JOB_RANK_BACKGROUND;
        return n_background <= BACKGROUND_FEW && is_better_at_work(state);
}

// Which of the jobs that are not urgent have a share in the decoder's next step. Retries do not
// make room by going on.
struct share {
        bool has_background, has_background_retries;
};

static struct share share_find(const struct engine_state *state) {
        bool is_their_turn = state->n_steps % BACKGROUND_SHARE == 0;

        return (struct share){
                .has_background = is_their_turn || !must_background_yield(state),
                .has_background_retries = is_their_turn || !is_better_at_work(state),
        };
}

static bool is_decoding_now(const struct slot *slot, const struct share *share) {
        if (!slot_is_decoding(slot) || slot->rank != JOB_RANK_BACKGROUND)
                return slot_is_decoding(slot);
        return slot->budget.is_retrying ? share->has_background_retries : share->has_background;
}

// Slots with rows for the decoder's next step, in the order in which they take room for them.
struct takers {
        struct slot *slots[ENCODER_WINDOWS_MAX];
        size_t n;
};

// Slots of jobs that somebody waits for, or of those that nobody does. Who takes first changes
// with each step, so that no slot starves behind its like.
static void takers_find(struct takers *takers, const struct engine_state *state,
                        const struct share *share, bool is_background) {
        size_t first = state->n_steps % state->n_slots;

        takers->n = 0;
        for (size_t i = 0; i < state->n_slots; i++) {
                struct slot *slot = &state->slots[(first + i) % state->n_slots];

                if (is_decoding_now(slot, share) &&
                    (slot->rank == JOB_RANK_BACKGROUND) == is_background)
                        takers->slots[takers->n++] = slot;
        }
}

// What of the room for rows a slot may take: what is left when its like behind it have one row
// for each of their sequences.
static size_t room_for(const struct takers *takers, size_t turn, size_t room) {
        size_t own = slot_width(takers->slots[turn]), others = 0;

        for (size_t i = turn + 1; i < takers->n; i++)
                others += slot_width(takers->slots[i]);
        if (room > others + own)
                return room - others;
        return own < room ? own : room;
}

// Rows of all live sequences; prompts take what is left when every slot has its own.
static void takers_gather(const struct takers *takers, struct row_batch *batch,
                          struct engine_state *state) {
        for (size_t i = 0; i < takers->n; i++) {
                struct slot *slot = takers->slots[i];
                size_t n = slot_rows(slot, batch->rows + batch->n, batch->sequences + batch->n,
                                     room_for(takers, i, DECODER_ROWS_MAX - batch->n));
                int r = decoder_reserve(state->decoder, batch->rows + batch->n, n);

                if (r < 0) {
                        slot_fail(slot, r);
                        continue;
                }
                for (size_t row = 0; row < n; row++)
                        batch->owners[batch->n++] = slot;
        }
}

// The windows that files have at once, with five beams each, have more rows than fit: they get
// what those leave whom somebody waits for.
static void batch_gather(struct row_batch *batch, struct engine_state *state,
                         const struct share *share) {
        struct takers takers;

        for (int is_background = 0; is_background <= 1; is_background++) {
                takers_find(&takers, state, share, is_background);
                takers_gather(&takers, batch, state);
        }
        state->n_steps++;
}

static void decode(struct engine_state *state) {
        size_t n_vocabulary = (size_t)state->model->info.n_vocabulary;
        struct share share = share_find(state);
        struct row_batch batch = {.n = 0};
        float *logits = NULL;
        int r;

        batch_gather(&batch, state, &share);
        r = decoder_step(state->decoder, batch.rows, batch.n, &logits);
        for (size_t i = 0; i < batch.n; i++) {
                if (r < 0) {
                        slot_fail(batch.owners[i], r);
                        continue;
                }
                slot_on_row(batch.owners[i], batch.sequences[i], &batch.rows[i], logits);
                if (batch.rows[i].wants_logits)
                        logits += n_vocabulary;
        }
        for (size_t i = 0; i < state->n_slots; i++)
                if (is_decoding_now(&state->slots[i], &share)) {
                        fallback_budget_charge(&state->slots[i].budget, state->slots[i].job, 1);
                        slot_on_step(&state->slots[i]);
                }
}

// Whether the encoder has its turn. A final's window waits for one step of the decoder at most,
// as do files' among themselves; a partial one, at a pause too, until the sequences at work had
// steps for what was encoded before it; a file's beside others for its share.
static bool is_encoders_turn(const struct engine_state *state,
                             const struct encoder_batch *batch, bool has_live) {
        enum job_rank rank;

        if (batch->n == 0)
                return false;
        if (!has_live)
                return true;
        rank = batch->owners[0]->rank;
        if (rank == JOB_RANK_SPECULATIVE || rank == JOB_RANK_PARTIAL)
                return state->n_rows_ahead == 0;
        if (rank == JOB_RANK_BACKGROUND && must_background_yield(state))
                return state->n_steps >= state->background_step;
        return !state->was_encoding;
}

// The decoder has steps to make up for what was encoded.
static void rows_account(struct engine_state *state, const struct encoder_batch *batch) {
        size_t n_steps = batch->n_rows / ROWS_PER_STEP;

        if (batch->owners[0]->rank == JOB_RANK_BACKGROUND)
                state->background_step = state->n_steps + BACKGROUND_SHARE * n_steps;
        else
                state->n_rows_ahead = batch->n_rows;
}

static int engine_step(void *opaque) {
        struct engine_state *state = opaque;
        struct encoder_batch batch;
        bool has_live = false;

        for (size_t i = 0; i < state->n_slots; i++)
                slot_poll(&state->slots[i]);
        batch_find(&batch, state);
        batch_trim(&batch, state);
        for (size_t i = 0; i < state->n_slots; i++)
                has_live = has_live || slot_is_decoding(&state->slots[i]);
        if (batch.n == 0 && !has_live)
                return ENGINE_E_IDLE;

        state->was_encoding = is_encoders_turn(state, &batch, has_live);
        if (state->was_encoding) {
                rows_account(state, &batch);
                fallback_pot_earn(&state->pot, batch.n_rows / ROWS_PER_STEP);
                encode(state, &batch);
        } else {
                state->n_rows_ahead -= state->n_rows_ahead < ROWS_PER_STEP ? state->n_rows_ahead
                                                                           : ROWS_PER_STEP;
                fallback_pot_earn(&state->pot, 1);
                decode(state);
        }
        return 0;
}

static int engine_collect(void *opaque, const struct job **ret_job, int *ret_result,
                          struct hypothesis *ret_hypothesis) {
        struct engine_state *state = opaque;

        for (size_t i = 0; i < state->n_slots; i++) {
                if (state->slots[i].phase != SLOT_DONE)
                        continue;
                *ret_result = slot_collect(&state->slots[i], ret_job, ret_hypothesis);
                return 0;
        }
        return ENGINE_E_NONE;
}

const struct engine_ops engine_whisper = {
        .name = "whisper",
        .open = engine_open,
        .close = engine_close,
        .prepare = engine_prepare,
        .submit = engine_submit,
        .cancel = engine_cancel,
        .hurry = engine_hurry,
        .promote = engine_promote,
        .step = engine_step,
        .collect = engine_collect,
};
