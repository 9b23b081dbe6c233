#include "whisper/alignment_heads.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/stat.h>

#include "util/mem.h"

// Largest config.json that is looked at: theirs have 2 KB.
#define CONFIG_BYTES_MAX (1024 * 1024)

// OpenAI's models by layers and width of the decoder, and size of the vocabulary. Large-v1 and
// -v2 have one shape: v2's heads.
static const struct preset {
        int n_layers, n_state, n_vocabulary;
        struct decoder_head heads[ALIGNMENT_HEADS_MAX];
        size_t n_heads;
} presets[] = {
        {4, 384, 51864, {{1, 0}, {2, 0}, {2, 5}, {3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}}, 8},
        {4, 384, 51865, {{2, 2}, {3, 0}, {3, 2}, {3, 3}, {3, 4}, {3, 5}}, 6},
        {6, 512, 51864, {{3, 3}, {4, 7}, {5, 1}, {5, 5}, {5, 7}}, 5},
        {6, 512, 51865, {{3, 1}, {4, 2}, {4, 3}, {4, 7}, {5, 1}, {5, 2}, {5, 4}, {5, 6}}, 8},
        {12,
         768,
         51864,
         {{6, 6},
          {7, 0},
          {7, 3},
          {7, 8},
          {8, 2},
          {8, 5},
          {8, 7},
          {9, 0},
          {9, 4},
          {9, 8},
          {9, 10},
          {10, 0},
          {10, 1},
          {10, 2},
          {10, 3},
          {10, 6},
          {10, 11},
          {11, 2},
          {11, 4}},
         19},
        {12,
         768,
         51865,
         {{5, 3}, {5, 9}, {8, 0}, {8, 4}, {8, 7}, {8, 8}, {9, 0}, {9, 7}, {9, 9}, {10, 5}},
         10},
        {24,
         1024,
         51864,
         {{11, 4},
          {14, 1},
          {14, 12},
          {14, 14},
          {15, 4},
          {16, 0},
          {16, 4},
          {16, 9},
          {17, 12},
          {17, 14},
          {18, 7},
          {18, 10},
          {18, 15},
          {20, 0},
          {20, 3},
          {20, 9},
          {20, 14},
          {21, 12}},
         18},
        {24, 1024, 51865, {{13, 15}, {15, 4}, {15, 15}, {16, 1}, {20, 0}, {23, 4}}, 6},
        {32,
         1280,
         51865,
         {{10, 12}, {13, 17}, {16, 11}, {16, 12}, {16, 13}, {17, 15}, {17, 16}, {18, 4},
          {18, 11}, {18, 19}, {19, 11}, {21, 2},  {21, 3},  {22, 3},  {22, 9},  {22, 12},
          {23, 5},  {23, 7},  {23, 13}, {25, 5},  {26, 1},  {26, 12}, {27, 15}},
         23},
        {32,
         1280,
         51866,
         {{7, 0},
          {10, 17},
          {12, 18},
          {13, 12},
          {16, 1},
          {17, 14},
          {19, 11},
          {21, 4},
          {24, 1},
          {25, 6}},
         10},
        {4, 1280, 51866, {{2, 4}, {2, 11}, {3, 3}, {3, 6}, {3, 11}, {3, 14}}, 6},
};

// One [layer, head] of the list; false when the model has no such head.
static bool head_read(const json_t *pair, const struct whisper_info *info,
                      struct decoder_head *ret) {
        json_int_t layer = json_integer_value(json_array_get(pair, 0));
        json_int_t head = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) ||
            !json_is_integer(json_array_get(pair, 1)) || layer < 0 ||
            layer >= info->n_text_layers || head < 0 || head >= info->n_text_heads)
                return false;
        *ret = (struct decoder_head){(size_t)layer, (size_t)head};
        return true;
}

// What the folder says; 0 when it says nothing, or nothing that this model can have.
static size_t heads_read(struct decoder_head ret[static ALIGNMENT_HEADS_MAX],
                         const struct whisper_info *info, const char *folder) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/config.json", folder);
        struct stat status;
        json_t *config, *list;
        size_t n = 0;

        if (stat(path, &status) < 0 || status.st_size > CONFIG_BYTES_MAX)
                return 0;
        config = json_load_file(path, 0, NULL);
        list = json_object_get(config, "alignment_heads");
        while (n < json_array_size(list) && n < ALIGNMENT_HEADS_MAX &&
               head_read(json_array_get(list, n), info, &ret[n]))
                n++;
        if (n < json_array_size(list) && n < ALIGNMENT_HEADS_MAX)
                n = 0;
        json_decref(config);
        return n;
}

static size_t heads_known(struct decoder_head ret[static ALIGNMENT_HEADS_MAX],
                          const struct whisper_info *info) {
        for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
                const struct preset *preset = &presets[i];

                if (preset->n_layers != info->n_text_layers ||
                    preset->n_state != info->n_text_state ||
                    preset->n_vocabulary != info->n_vocabulary)
                        continue;
                for (size_t k = 0; k < preset->n_heads; k++)
                        ret[k] = preset->heads[k];
                return preset->n_heads;
        }
        return 0;
}

size_t alignment_heads_find(struct decoder_head ret[static ALIGNMENT_HEADS_MAX],
                            const struct whisper_info *info, const char *path) {
        size_t n = heads_read(ret, info, path);

        if (n == 0)
                n = heads_known(ret, info);
        if (n > 0)
                return n;
        // The topmost first, as far as there is room.
        for (int layer = info->n_text_layers; layer > info->n_text_layers / 2; layer--)
                for (int head = 0; head < info->n_text_heads && n < ALIGNMENT_HEADS_MAX; head++)
                        ret[n++] = (struct decoder_head){(size_t)layer - 1, (size_t)head};
        return n;
}
