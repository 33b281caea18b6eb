"""S-Adam and Prox-SGD for anyone's training loop: subclasses of ``torch.optim.Optimizer``.

The equations are those of :mod:`sadam.rules` and :mod:`sadam.probes`, and are written there only::

    optimizer = SAdam(net.parameters(), lr=1e-3, probes="two-sided")

    def closure(backward=True):
        loss = criterion(net(inputs), targets)
        if backward:
            optimizer.zero_grad()
            loss.backward()
        return loss

    loss = optimizer.step(closure)

A parameter without a gradient, or with ``requires_grad`` off, is neither moved nor probed.
"""

from sadam.optim.prox_sgd import ProxSGD
from sadam.optim.s_adam import SAdam

__all__ = ["ProxSGD", "SAdam"]
