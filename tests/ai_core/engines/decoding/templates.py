"""Chat templates in our own words, each as strict as those of the family it is named after."""

from dataclasses import dataclass

ALTERNATE = (
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('After an optional system turn, user and assistant take turns') }}"
    "{% endif %}"
)
LEADING_SYSTEM = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}"
    "{% set turns = messages[1:] %}{% else %}{% set turns = messages %}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """A template, and the tokens it names."""

    template: str
    bos: str = "<s>"
    eos: str = "</s>"


FAMILIES = {
    # Names no system role at all: it refuses one.
    "mistral-v1": Family(
        "{{ bos_token }}{% for message in messages %}"
        + ALTERNATE
        + "{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]"
        "{% elif message.role == 'assistant' %}{{ message.content }}{{ eos_token }}"
        "{% else %}{{ raise_exception('Only user and assistant are known') }}{% endif %}"
        "{% endfor %}"
    ),
    # Writes a system turn before the last user's, and only there.
    "mistral-v3": Family(
        "{{ bos_token }}"
        + LEADING_SYSTEM
        + "{% for message in turns %}"
        + ALTERNATE
        + "{% endfor %}"
        "{% for message in turns %}{% if message.role == 'user' %}[INST] "
        "{% if loop.last and system is defined %}{{ system + '\\n\\n' }}{% endif %}"
        "{{ message.content }}[/INST]{% else %} {{ message.content | trim }}{{ eos_token }}"
        "{% endif %}{% endfor %}"
    ),
    # Tekken: the system turn has marks of its own; any other role is refused.
    "mistral-tekken": Family(
        "{{ bos_token }}" + LEADING_SYSTEM + "{% if system is defined %}[SYSTEM_PROMPT]{{ system }}"
        "[/SYSTEM_PROMPT]{% endif %}{% for message in turns %}"
        "{% if message.role == 'user' %}[INST]{{ message.content }}[/INST]"
        "{% elif message.role == 'assistant' %}{{ message.content }}{{ eos_token }}"
        "{% else %}{{ raise_exception('Only user and assistant are known') }}{% endif %}"
        "{% endfor %}"
    ),
    # Refuses a system turn, and two turns of one role.
    "gemma-2": Family(
        "{{ bos_token }}{% if messages[0].role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}"
        + ALTERNATE
        + "<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
        "{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        bos="<bos>",
    ),
    # Puts the system turn before the first user's; fails on a system turn alone.
    "gemma-3": Family(
        "{{ bos_token }}"
        + LEADING_SYSTEM
        + "{% for message in turns %}"
        + ALTERNATE
        + "<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
        "{% if loop.first and system is defined %}{{ system + '\\n\\n' }}{% endif %}"
        "{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        bos="<bos>",
    ),
    "llama-2": Family(
        LEADING_SYSTEM
        + "{% for message in turns %}"
        + ALTERNATE
        + "{% if loop.index0 == 0 and system is defined %}"
        "{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message.content %}"
        "{% else %}{% set content = message.content %}{% endif %}"
        "{% if message.role == 'user' %}{{ bos_token }}[INST] {{ content.strip() }} [/INST]"
        "{% else %} {{ content.strip() }} {{ eos_token }}{% endif %}{% endfor %}"
    ),
    "llama-3": Family(
        "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}"
        "<|end_header_id|>\n\n{{ message.content | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n"
        "{% endif %}",
        bos="<|begin_of_text|>",
    ),
    "command-r": Family(
        "{{ bos_token }}" + LEADING_SYSTEM + "{% if system is defined %}<|START_OF_TURN_TOKEN|>"
        "<|SYSTEM_TOKEN|>{{ system }}<|END_OF_TURN_TOKEN|>{% endif %}"
        "{% for message in turns %}" + ALTERNATE + "<|START_OF_TURN_TOKEN|>"
        "{% if message.role == 'user' %}<|USER_TOKEN|>{% else %}<|CHATBOT_TOKEN|>{% endif %}"
        "{{ message.content.strip() }}<|END_OF_TURN_TOKEN|>{% endfor %}"
        "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}",
        bos="<BOS_TOKEN>",
    ),
    # Gathers every system turn at the top; leaves an answer's reasoning out.
    "deepseek-r1": Family(
        "{% set ns = namespace(system='') %}{% for message in messages %}"
        "{% if message.role == 'system' %}{% set ns.system = ns.system + message.content %}"
        "{% endif %}{% endfor %}{{ bos_token }}{{ ns.system }}{% for message in messages %}"
        "{% if message.role == 'user' %}<｜User｜>{{ message.content }}"
        "{% elif message.role == 'assistant' %}<｜Assistant｜>"
        "{% if '</think>' in message.content %}{{ message.content.split('</think>')[-1] }}"
        "{% else %}{{ message.content }}{% endif %}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}",
        bos="<｜begin▁of▁sentence｜>",
    ),
    # Leaves a system turn out without a word.
    "phi-3": Family(
        "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}<|user|>\n"
        "{{ message.content }}<|end|>\n<|assistant|>\n{% elif message.role == 'assistant' %}"
        "{{ message.content }}<|end|>\n{% endif %}{% endfor %}"
    ),
    "qwen-3": Family(
        "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}"
        "<|im_end|>\n{% else %}<|im_start|>system\nTu es une aide.<|im_end|>\n{% endif %}"
        "{% for message in messages %}"
        "{% if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
        "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
        "{% elif message.role == 'assistant' %}{% set content = message.content %}"
        "{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1].lstrip('\\n') %}"
        "{% endif %}<|im_start|>assistant\n{% if loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "zephyr": Family(
        "{% for message in messages %}{% if message.role == 'user' %}<|user|>\n{{ message.content"
        " + eos_token }}\n{% elif message.role == 'system' %}<|system|>\n{{ message.content"
        " + eos_token }}\n{% elif message.role == 'assistant' %}<|assistant|>\n{{ message.content"
        " + eos_token }}\n{% endif %}{% if loop.last and add_generation_prompt %}<|assistant|>\n"
        "{% endif %}{% endfor %}"
    ),
    "chatml": Family(
        "{% for message in messages %}<|im_start|>{{ message.role + '\\n' + message.content }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "alpaca": Family(
        "{% for message in messages %}{% if message.role == 'system' %}{{ message.content }}\n\n"
        "{% elif message.role == 'user' %}### Instruction:\n{{ message.content }}\n\n"
        "{% else %}### Response:\n{{ message.content }}\n\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}### Response:\n{% endif %}"
    ),
    # Reads the first message as the system's, whatever it is, and wants three kinds in order.
    "granite-like": Family(
        "{% if not messages %}{{ raise_exception('nothing was said') }}{% endif %}"
        "{% for message in messages %}{% if message.role not in ['system', 'user', 'assistant'] %}"
        "{{ raise_exception('unknown role') }}{% endif %}"
        "{% if message.role == 'system' and not loop.first %}"
        "{{ raise_exception('the system speaks first') }}{% endif %}"
        "<|start_of_role|>{{ message.role }}<|end_of_role|>{{ message.content }}<|end_of_text|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>"
        "{% endif %}"
    ),
    "none": Family(""),
}
