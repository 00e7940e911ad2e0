"""Tiny random checkpoints of real architectures, built offline: tokenizer, processor and weights from scratch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SIDE = 32  # pixels of a picture's side as the vision towers see it
PATCH = 8
WIDTH = 32
CHAT = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ 'PICTURE' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
CORPUS = [
    "Yes yes YES No no NO. The metal part has a scratch at the top left. Is there an anomaly or a defect?"
] * 9
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
VISION = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}
SQUARE = {"height": SIDE, "width": SIDE}


def tokenizer(*control: str, **named: str) -> Any:
    """Train a byte-level tokenizer that knows the words yes and no, with right padding as is its default."""
    special = ["<pad>", "<s>", "</s>", "<unk>", *control, *named.values()]
    engine = Tokenizer(models.BPE(unk_token="<unk>"))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    engine.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=engine,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens=named,
    )


def _text(tok: Any) -> dict[str, Any]:
    return {**TEXT, "vocab_size": len(tok), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def _save(
    folder: Path, config: Any, tok: Any, image_processor: Any, *, chat: str | None, **processor: Any
) -> Path:
    """Save a checkpoint as the hub holds them. The weights are wide enough for a picture to change the words."""
    torch.manual_seed(0)
    model = hf.AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1 or not weights.any():
                weights.normal_(std=0.25)
    model.generation_config = hf.GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    image_processor.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(processor))
    if chat is not None:
        (folder / "chat_template.jinja").write_text(chat)
    return folder


def llava(folder: Path) -> Path:
    tok = tokenizer(image_token="<image>")
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.LlamaConfig(**_text(tok)),
        image_token_index=tok.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    return _save(
        folder,
        config,
        tok,
        hf.CLIPImageProcessor(size=SQUARE, crop_size=SQUARE, do_center_crop=False),
        chat=CHAT.replace("PICTURE", "<image>\n"),
        processor_class="LlavaProcessor",
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def _blip2(folder: Path, text_config: Callable[[Any], Any]) -> Path:
    tok = tokenizer("<image>")
    config = hf.Blip2Config(
        vision_config=hf.Blip2VisionConfig(**VISION),
        qformer_config=hf.Blip2QFormerConfig(**TEXT, encoder_hidden_size=WIDTH, vocab_size=len(tok)),
        text_config=text_config(tok),
        num_query_tokens=4,
        image_token_index=tok.convert_tokens_to_ids("<image>"),
    )
    image_processor = hf.BlipImageProcessor(size=SQUARE)
    return _save(
        folder, config, tok, image_processor, chat=None, processor_class="Blip2Processor", num_query_tokens=4
    )


def blip2(folder: Path) -> Path:
    """BLIP-2 over OPT, a decoder."""

    def opt(tok: Any) -> Any:
        return hf.OPTConfig(**_text(tok), ffn_dim=2 * WIDTH, word_embed_proj_dim=WIDTH)

    return _blip2(folder, opt)


def blip2_t5(folder: Path) -> Path:
    """BLIP-2 over T5, an encoder with a decoder."""

    def t5(tok: Any) -> Any:
        size = {"d_model": WIDTH, "d_kv": WIDTH // 2, "d_ff": 2 * WIDTH, "num_layers": 2, "num_heads": 2}
        return hf.T5Config(**size, vocab_size=len(tok), pad_token_id=0, eos_token_id=2, decoder_start_token_id=0)

    return _blip2(folder, t5)


def _idefics(folder: Path, config_class: Any, vision_class: Any, images: Any, processor_class: str) -> Path:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    tok = tokenizer(
        "<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>", "<video>", *tiles
    )
    config = config_class(
        vision_config=vision_class(**VISION),
        text_config=hf.LlamaConfig(**_text(tok)),
        image_token_id=tok.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    edge = {"longest_edge": 2 * SIDE}
    return _save(
        folder,
        config,
        tok,
        images(size=edge, max_image_size={"longest_edge": SIDE}),
        chat=CHAT.replace("PICTURE", "<image>"),
        processor_class=processor_class,
        image_seq_len=(SIDE // PATCH // 2) ** 2,
    )


def smolvlm(folder: Path) -> Path:
    """SmolVLM, whose checkpoints of the first generation are of the type idefics3."""
    return _idefics(
        folder, hf.Idefics3Config, hf.Idefics3VisionConfig, hf.Idefics3ImageProcessor, "Idefics3Processor"
    )


def smolvlm2(folder: Path) -> Path:
    return _idefics(folder, hf.SmolVLMConfig, hf.SmolVLMVisionConfig, hf.SmolVLMImageProcessor, "SmolVLMProcessor")


def _qwen(folder: Path, config_class: Any, processor_class: str, vision: dict[str, Any]) -> Path:
    tok = tokenizer("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|im_end|>")
    ids = {
        name: tok.convert_tokens_to_ids(token)
        for name, token in (
            ("image_token_id", "<|image_pad|>"),
            ("video_token_id", "<|video_pad|>"),
            ("vision_start_token_id", "<|vision_start|>"),
            ("vision_end_token_id", "<|vision_end|>"),
        )
    }
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = config_class(
        text_config={**_text(tok), "rope_parameters": rope},
        vision_config={"depth": 2, "num_heads": 2, "patch_size": PATCH, "spatial_merge_size": 2, **vision},
        **ids,
    )
    images = hf.Qwen2VLImageProcessor(patch_size=PATCH, merge_size=2, min_pixels=SIDE**2, max_pixels=4 * SIDE**2)
    chat = CHAT.replace("PICTURE", "<|vision_start|><|image_pad|><|vision_end|>")
    return _save(folder, config, tok, images, chat=chat, processor_class=processor_class)


def qwen2_vl(folder: Path) -> Path:
    vision = {"embed_dim": WIDTH, "hidden_size": WIDTH, "mlp_ratio": 2}
    return _qwen(folder, hf.Qwen2VLConfig, "Qwen2VLProcessor", vision)


def qwen2_5_vl(folder: Path) -> Path:
    vision = {
        "hidden_size": WIDTH,
        "out_hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "window_size": 4 * PATCH,
        "fullatt_block_indexes": [1],
    }
    return _qwen(folder, hf.Qwen2_5_VLConfig, "Qwen2_5_VLProcessor", vision)


def internvl(folder: Path) -> Path:
    tok = tokenizer(
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    vision = {**VISION, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]}
    config = hf.InternVLConfig(
        vision_config=hf.InternVLVisionConfig(**vision),
        text_config=hf.Qwen2Config(**_text(tok)),
        image_token_id=tok.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    images = hf.GotOcr2ImageProcessor(size=SQUARE, min_patches=1, max_patches=4)
    chat = CHAT.replace("PICTURE", "<IMG_CONTEXT>\n")
    return _save(folder, config, tok, images, chat=chat, processor_class="InternVLProcessor", image_seq_length=4)


def llava_onevision(folder: Path) -> Path:
    tok = tokenizer(image_token="<image>", video_token="<video>")
    grid = [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=hf.Qwen2Config(**_text(tok)),
        image_token_index=tok.convert_tokens_to_ids("<image>"),
        video_token_index=tok.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return _save(
        folder,
        config,
        tok,
        hf.LlavaOnevisionImageProcessor(size=SQUARE, image_grid_pinpoints=grid),
        chat=CHAT.replace("PICTURE", "<image>\n"),
        processor_class="LlavaOnevisionProcessor",
        num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
    )


_WORDS = {name: value for name, value in TEXT.items() if name != "num_key_value_heads"} | {
    "vocab_size": 400,
    "max_position_embeddings": 24,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def clip(folder: Path) -> Path:
    """Joint features of pictures and texts, as CLIP makes them."""
    config = hf.CLIPConfig(text_config=_WORDS, vision_config=VISION, projection_dim=16)
    prepare = hf.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE)
    return _save_parts(folder, hf.CLIPModel, config, prepare, tokenizer())


def siglip(folder: Path) -> Path:
    """Joint features of pictures and texts, as SigLIP makes them."""
    config = hf.SiglipConfig(text_config=_WORDS, vision_config=VISION)
    return _save_parts(folder, hf.SiglipModel, config, hf.SiglipImageProcessor(size=SQUARE), tokenizer())


def vit(folder: Path) -> Path:
    """A vision transformer with features of pictures alone."""
    return _save_parts(folder, hf.ViTModel, hf.ViTConfig(**VISION), hf.ViTImageProcessor(size=SQUARE))


def resnet(folder: Path) -> Path:
    """A residual network with features of pictures alone."""
    config = hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    prepare = hf.ConvNextImageProcessor(size={"shortest_edge": SIDE}, crop_pct=0.875)
    return _save_parts(folder, hf.ResNetModel, config, prepare)


def _save_parts(folder: Path, kind: Any, config: Any, *parts: Any) -> Path:
    torch.manual_seed(0)
    for part in (kind(config), *parts):
        part.save_pretrained(folder)
    return folder


def detr(folder: Path) -> Path:
    """A detector with boxes of random places."""
    backbone = hf.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    config = hf.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=WIDTH,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=WIDTH,
        decoder_ffn_dim=WIDTH,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=5,
        num_labels=3,
    )
    size = {"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    return _save_parts(folder, hf.DetrForObjectDetection, config, hf.DetrImageProcessor(size=size))
