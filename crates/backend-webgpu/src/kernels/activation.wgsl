// The activation of a gate: SiLU, or GELU by its approximation with tanh.

fn activation(g: f32, gelu: u32) -> f32 {
    if (gelu != 0u) {
        // Clamped: some drivers compute tanh from exp(2x), which overflows.
        let inner = 0.7978845608028654 * (g + 0.044715 * g * g * g);
        return 0.5 * g * (1.0 + tanh(clamp(inner, -10.0, 10.0)));
    }
    return g / (1.0 + exp(min(-g, 80.0)));
}
