"""Checks that every network passes, whatever its input."""

import torch
from torch.nn.functional import cross_entropy


def check_gradients(net, X):
    """The gradient of a loss of three classes reaches every parameter."""
    cross_entropy(net(X), torch.arange(len(X)) % 3).backward()
    # A bias right before batch normalisation is subtracted with the mean: only rounding is left.
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def check_evaluation(net, X):
    """Predictions are deterministic, and the same for a batch of one."""
    net.eval()
    with torch.no_grad():
        together, again = net(X), net(X)
        alone = torch.cat([net(x[None]) for x in X])
    torch.testing.assert_close(together, again, rtol=0, atol=0)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def check_learning(net, X, lr=1e-2, max_epochs=400):
    """The network fits windows of noise with labels of three classes perfectly."""
    y = torch.arange(len(X)) % 3
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # for dropout
        for _ in range(max_epochs):
            net.train()
            optimizer.zero_grad()
            cross_entropy(net(X), y).backward()
            optimizer.step()
            with torch.no_grad():
                right = (net.eval()(X).argmax(1) == y).float().mean()
            if right == 1:
                break
    assert right == 1
