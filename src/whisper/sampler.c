#include "whisper/sampler.h"

#include <math.h>
#include <string.h>

#include "whisper/cpu/vectors.h"

static void forbid(float *logits, size_t first, size_t last) {
        for (size_t i = first; i < last; i++)
                logits[i] = -INFINITY;
}

// The last timestamp among the tokens, or the first one there is.
static int32_t last_timestamp(const int32_t *tokens, size_t n, int32_t timestamp_begin) {
        for (size_t i = n; i > 0; i--)
                if (tokens[i - 1] >= timestamp_begin)
                        return tokens[i - 1];
        return timestamp_begin;
}

// Timestamps come in pairs, except before the end, and never go back. Where either is allowed,
// a timestamp must follow when all of them together are likelier than any text token.
static void restrict_timestamps(const struct sampler_rules *rules, const int32_t *tokens,
                                size_t n, float *logits) {
        size_t begin = (size_t)rules->specials->timestamp_begin, end = rules->n_vocabulary;

        logits[rules->specials->no_timestamps] = -INFINITY;
        if (n == 0) {
                size_t latest = begin + (size_t)rules->max_initial_timestamp;

                forbid(logits, 0, begin);
                forbid(logits, latest + 1 < end ? latest + 1 : end, end);
                return;
        }

        bool was_timestamp = (size_t)tokens[n - 1] >= begin;
        bool was_pair = was_timestamp && (n < 2 || (size_t)tokens[n - 2] >= begin);

        forbid(logits, begin,
               (size_t)last_timestamp(tokens, n, rules->specials->timestamp_begin));
        if (was_pair) {
                forbid(logits, begin, end);
                return;
        }
        if (was_timestamp)
                forbid(logits, 0, (size_t)rules->specials->end_of_text);
        if (vector_log_sum_exp(logits + begin, end - begin) > vector_max(logits, begin))
                forbid(logits, 0, begin);
}

// What was said before becomes less likely, once however often it was said, as in CTranslate2:
// a logit above 0 is divided by the penalty, one below multiplied.
static void penalize(const int32_t *tokens, size_t n, float penalty, float *logits) {
        for (size_t i = 0; i < n; i++) {
                float *logit = &logits[tokens[i]];
                bool is_repeated = false;

                for (size_t k = 0; k < i && !is_repeated; k++)
                        is_repeated = tokens[k] == tokens[i];
                if (!is_repeated)
                        *logit = *logit < 0 ? *logit * penalty : *logit / penalty;
        }
}

// No run of `size` tokens twice: where the last size - 1 stood before, what followed them there
// may not follow here.
static void forbid_repeats(const int32_t *tokens, size_t n, size_t size, float *logits) {
        for (size_t i = 0; i + size <= n; i++)
                if (memcmp(tokens + i, tokens + n - (size - 1), (size - 1) * sizeof(*tokens)) ==
                    0)
                        logits[tokens[i + size - 1]] = -INFINITY;
}

static bool allows_any(const float *logits, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (logits[i] > -INFINITY)
                        return true;
        return false;
}

void sampler_restrict(const struct sampler_rules *rules, const int32_t *tokens, size_t n,
                      float *logits) {
        if (rules->repetition_penalty > 0 && rules->repetition_penalty != 1)
                penalize(tokens, n, rules->repetition_penalty, logits);
        if (rules->no_repeat_ngram_size > 0)
                forbid_repeats(tokens, n, rules->no_repeat_ngram_size, logits);
        for (size_t i = 0; i < rules->n_suppressed; i++)
                logits[rules->suppressed[i]] = -INFINITY;
        if (n == 0 && rules->blank >= 0) {
                logits[rules->blank] = -INFINITY;
                logits[rules->specials->end_of_text] = -INFINITY;
        }
        if (rules->has_timestamps)
                restrict_timestamps(rules, tokens, n, logits);
        if (!allows_any(logits, rules->n_vocabulary))
                logits[rules->specials->end_of_text] = 0;
}

// Uniform in (0, 1]: splitmix64 (Steele, Lea, Flood 2014), its upper 24 bits.
static float random_uniform(uint64_t *state) {
        uint64_t z = *state += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        return (float)((z >> 40) + 1) * 0x1p-24f;
}

int32_t sampler_choose(const float *logits, size_t n_vocabulary, float temperature,
                       uint64_t *random, float *ret_logprob) {
        size_t token = vector_argmax(logits, n_vocabulary);
        float likeliest = logits[token], chosen = -INFINITY;
        float total = likeliest + logf(vector_sum_exp(logits, n_vocabulary, likeliest));

        if (temperature <= 0) {
                *ret_logprob = likeliest - total;
                return (int32_t)token;
        }

        // Drawing from softmax(logits / temperature) is taking the largest of logits /
        // temperature plus Gumbel noise, which needs no normalisation. What was forbidden stays
        // at -INFINITY.
        for (size_t i = 0; i < n_vocabulary; i++) {
                float noisy;

                if (logits[i] == -INFINITY)
                        continue;
                noisy = logits[i] / temperature -
                        logf(-logf(random_uniform(random) - 0x1p-25f));
                if (noisy > chosen) {
                        chosen = noisy;
                        token = i;
                }
        }
        *ret_logprob = logits[token] - total;
        return (int32_t)token;
}

size_t sampler_candidates(const float *logits, size_t n_vocabulary, float base,
                          struct candidate *ret, size_t n) {
        float shift = base - vector_log_sum_exp(logits, n_vocabulary);
        float worst = -INFINITY;  // of n found; what is not above it need not be looked at
        size_t n_found = 0;

        for (size_t i = 0; i < n_vocabulary; i++) {
                size_t at;

                if (!(logits[i] > worst))
                        continue;
                if (n_found < n)
                        n_found++;
                for (at = n_found - 1; at > 0 && ret[at - 1].score < logits[i]; at--)
                        ret[at] = ret[at - 1];
                ret[at] = (struct candidate){.token = (int32_t)i, .score = logits[i]};
                if (n_found == n)
                        worst = ret[n - 1].score;
        }
        for (size_t i = 0; i < n_found; i++)
                ret[i].score += shift;
        return n_found;
}
