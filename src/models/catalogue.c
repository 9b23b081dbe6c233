// The catalogue: what `model fetch` knows. Sizes and checksums are those that the hub publishes
// for the pinned revisions.

#include "models/models.h"

#include <string.h>

#define HUB         "https://huggingface.co"
#define SILERO_HOST "https://raw.githubusercontent.com"

static const struct model_file files_base[] = {
        {"model.bin", 145217532,
         "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"},
        {"config.json", 2309,
         "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"},
        {"tokenizer.json", 2203239,
         "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"},
        {"vocabulary.txt", 459861,
         "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"},
};

static const struct model_file files_tiny_en[] = {
        {"model.bin", 75537502,
         "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"},
        {"config.json", 2317,
         "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"},
        {"tokenizer.json", 2128466,
         "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"},
        {"vocabulary.txt", 422309,
         "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"},
};

static const struct model_file files_silero[] = {
        {"silero_vad_16k.safetensors", 1239748,
         "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1"},
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

// whisper.cpp's own conversions: one file each.
#define GGML(size_name, bytes, digest)                                                 \
        {                                                                              \
                .name = "ggml-" size_name, .host = HUB,                                \
                .path = "ggerganov/whisper.cpp/resolve/"                               \
                        "5359861c739e955e79d9a303bcbc70fb988958b1",                    \
                .files = (const struct model_file[]){{"ggml-" size_name ".bin", bytes, \
                                                      digest}},                        \
                .n_files = 1,                                                          \
        }

static const struct model_entry catalogue[] = {
        {
                .name = "base",
                .host = HUB,
                .path = "Systran/faster-whisper-base/resolve/"
                        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
                .files = files_base,
                .n_files = N(files_base),
        },
        {
                .name = "tiny.en",
                .host = HUB,
                .path = "Systran/faster-whisper-tiny.en/resolve/"
                        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
                .files = files_tiny_en,
                .n_files = N(files_tiny_en),
        },
        {
                .name = "silero-vad",
                .host = SILERO_HOST,
                .path = "snakers4/silero-vad/d5b52843f79c97810940534f3433e162470af83d/"
                        "src/silero_vad/data",
                .files = files_silero,
                .n_files = N(files_silero),
        },
        GGML("tiny-q5_1", 32152673,
             "818710568da3ca15689e31a743197b520007872ff9576237bda97bd1b469c3d7"),
        GGML("tiny", 77691713,
             "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21"),
        GGML("tiny.en-q5_1", 32166155,
             "c77c5766f1cef09b6b7d47f21b546cbddd4157886b3b5d6d4f709e91e66c7c2b"),
        GGML("tiny.en-q8_0", 43550795,
             "5bc2b3860aa151a4c6e7bb095e1fcce7cf12c7b020ca08dcec0c6d018bb7dd94"),
        GGML("tiny.en", 77704715,
             "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f"),
        GGML("base-q5_1", 59707625,
             "422f1ae452ade6f30a004d7e5c6a43195e4433bc370bf23fac9cc591f01a8898"),
        GGML("base", 147951465,
             "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe"),
        GGML("base.en-q5_1", 59721011,
             "4baf70dd0d7c4247ba2b81fafd9c01005ac77c2f9ef064e00dcf195d0e2fdd2f"),
        GGML("base.en", 147964211,
             "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002"),
        GGML("small-q5_1", 190085487,
             "ae85e4a935d7a567bd102fe55afc16bb595bdb618e11b2fc7591bc08120411bb"),
        GGML("small", 487601967,
             "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b"),
        GGML("small.en-q5_1", 190098681,
             "bfdff4894dcb76bbf647d56263ea2a96645423f1669176f4844a1bf8e478ad30"),
        GGML("small.en", 487614201,
             "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d"),
        GGML("medium-q5_0", 539212467,
             "19fea4b380c3a618ec4723c3eef2eb785ffba0d0538cf43f8f235e7b3b34220f"),
        GGML("medium", 1533763059,
             "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208"),
        GGML("medium.en-q5_0", 539225533,
             "76733e26ad8fe1c7a5bf7531a9d41917b2adc0f20f2e4f5531688a8c6cd88eb0"),
        GGML("medium.en", 1533774781,
             "cc37e93478338ec7700281a7ac30a10128929eb8f427dda2e865faa8f6da4356"),
        GGML("large-v1", 3094623691,
             "7d99f41a10525d0206bddadd86760181fa920438b6b33237e3118ff6c83bb53d"),
        GGML("large-v2-q5_0", 1080732091,
             "3a214837221e4530dbc1fe8d734f302af393eb30bd0ed046042ebf4baf70f6f2"),
        GGML("large-v2", 3094623691,
             "9a423fe4d40c82774b6af34115b8b935f34152246eb19e80e376071d3f999487"),
        GGML("large-v3-q5_0", 1081140203,
             "d75795ecff3f83b5faa89d1900604ad8c780abd5739fae406de19f23ecd98ad1"),
        GGML("large-v3", 3095033483,
             "64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2"),
        GGML("large-v3-turbo-q5_0", 574041195,
             "394221709cd5ad1f40c46e6031ca61bce88931e6e088c188294c6d5a55ffa7e2"),
        GGML("large-v3-turbo", 1624555275,
             "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69"),
};

const struct model_entry *models_catalogue(size_t *ret_n) {
        *ret_n = N(catalogue);
        return catalogue;
}

const struct model_entry *models_find(const char *name) {
        for (size_t i = 0; i < N(catalogue); i++)
                if (strcmp(catalogue[i].name, name) == 0)
                        return &catalogue[i];
        return NULL;
}
