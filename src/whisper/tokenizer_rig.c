#include "whisper/tokenizer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "whisper/weights/formats.h"

struct tokenizer *rig_tokenizer_of_bytes(void) {
        struct weights weights = {.info = {.n_vocabulary = 51865}};
        struct tokenizer *tokenizer = NULL;

        for (int id = 0; id < 51865; id++)
                vocabulary_append(&weights.vocabulary, &(char){(char)id}, id < 256, NULL);
        assert_int_equal(tokenizer_new(&tokenizer, &weights, NULL), 0);
        vocabulary_deinit(&weights.vocabulary);
        return tokenizer;
}
