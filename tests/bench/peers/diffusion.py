"""Noise as Ho et al. 2020 add it: T = 1000 steps, linear betas from 0.0001 to 0.02."""
import numpy as np

N_TIMESTEPS = 1000
ALPHA_BAR = np.cumprod(1 - np.linspace(1e-4, 0.02, N_TIMESTEPS))


def signal_and_noise(timesteps):
    """The factors of x_0 and of epsilon in x_t (equation 4), [batch, 1, 1, 1] each."""
    alpha_bar = ALPHA_BAR[timesteps].astype(np.float64).reshape(-1, 1, 1, 1)
    return np.sqrt(alpha_bar).astype(np.float32), np.sqrt(1 - alpha_bar).astype(np.float32)
