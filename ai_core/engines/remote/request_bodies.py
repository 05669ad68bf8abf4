"""The bodies of requests to upstreams."""

import orjson

from ai_core.engines.base import ChatMessage, Prompt, Sampling, ToolUse
from ai_core.engines.remote.control_tokens import neutralize


def tokenize_body(prompt: Prompt) -> dict[str, object]:
    """Return the body of a request to vLLM's `/tokenize`."""
    if prompt.raw is not None:
        return {"prompt": prompt.raw}
    return {"messages": [{"role": one.role, "content": one.content} for one in prompt.messages]}


def prompt_chars(prompt: Prompt) -> int:
    """Return the number of characters of a prompt."""
    texts = [message.content for message in prompt.messages] if prompt.raw is None else [prompt.raw]
    return sum(map(len, texts))


def request_body(
    model: str, prompt: Prompt, sampling: Sampling, software: str
) -> dict[str, object]:
    """Return a request body, without parameters at their defaults: not all servers know them."""
    body: dict[str, object] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    penalty = "repeat_penalty" if software == "llamacpp" else "repetition_penalty"
    optional: tuple[tuple[str, object, object], ...] = (
        ("top_k", sampling.top_k, 0),
        ("min_p", sampling.min_p, 0.0),
        (penalty, sampling.repetition_penalty, 1.0),
        ("presence_penalty", sampling.presence_penalty, 0.0),
        ("frequency_penalty", sampling.frequency_penalty, 0.0),
        ("logit_bias", {str(token): bias for token, bias in sampling.logit_bias}, {}),
        ("stop", list(sampling.stop), []),
    )
    body |= {name: value for name, value, default in optional if value != default}
    if sampling.json_schema is not None:
        followed = orjson.loads(neutralize(sampling.json_schema))
        schema = {"name": "answer", "schema": followed, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if prompt.raw is not None:
        body |= {"logprobs": sampling.top_logprobs} if sampling.top_logprobs is not None else {}
        return body | {"prompt": prompt.raw}
    if sampling.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    if software == "vllm" and prompt.messages[-1].role == "assistant":
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body | {"messages": [_message(one) for one in prompt.messages]} | _tools(prompt.tool_use)


def _message(message: ChatMessage) -> dict[str, object]:
    body: dict[str, object] = {"role": message.role, "content": neutralize(message.content)}
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": neutralize(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return body | ({"tool_call_id": message.tool_call_id} if message.tool_call_id else {})


def _tools(use: ToolUse | None) -> dict[str, object]:
    """Return the functions of a request; parameters at their defaults are left out."""
    if use is None:
        return {}
    tools = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": neutralize(tool.description),
                "parameters": orjson.loads(neutralize(tool.parameters)),
            },
        }
        for tool in use.tools
    ]
    named = {"type": "function", "function": {"name": use.name}}
    choice = named if use.choice == "named" else use.choice
    parallel = {} if use.parallel else {"parallel_tool_calls": False}
    return {"tools": tools, "tool_choice": choice, **parallel}
