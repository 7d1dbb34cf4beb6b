"""Optimizers as people write them, and nothing is wrong with them."""

import math

import torch


class LAMB(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["m"], s["v"] = torch.zeros_like(p), torch.zeros_like(p)
                b1, b2 = g["betas"]
                s["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                s["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                r = s["m"] / (s["v"].sqrt() + g["eps"]) + g["weight_decay"] * p
                w, n = p.norm().clamp(0, 10), r.norm()
                ratio = 1.0 if w == 0 or n == 0 else (w / n).item()
                p.add_(r, alpha=-g["lr"] * ratio)
        return loss


class LARS(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, momentum=0.9, weight_decay=1e-4, trust=0.001):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    continue
                d = p.grad + g["weight_decay"] * p
                w, n = p.norm(), d.norm()
                one = torch.ones_like(w)
                d = d * torch.where(w > 0, torch.where(n > 0, g["trust"] * w / n, one), one)
                buf = self.state[p].setdefault("mu", torch.zeros_like(p))
                buf.mul_(g["momentum"]).add_(d)
                p.add_(buf, alpha=-g["lr"])
        return loss


class AdaBelief(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-12, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for g in self.param_groups:
            b1, b2 = g["betas"]
            for p in g["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["t"], s["m"], s["s"] = 0, torch.zeros_like(p), torch.zeros_like(p)
                s["t"] += 1
                p.mul_(1 - g["lr"] * g["weight_decay"])
                s["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                d = p.grad - s["m"]
                s["s"].mul_(b2).addcmul_(d, d, value=1 - b2).add_(g["eps"])
                v = (s["s"] / (1 - b2 ** s["t"])).sqrt() + 1e-8
                p.addcdiv_(s["m"], v, value=-g["lr"] / (1 - b1 ** s["t"]))
        return loss


class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, momentum=0.9):
        super().__init__(params, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.mul_(g["momentum"]).add_(p.grad, alpha=1 - g["momentum"])
                p.sub_(g["lr"] * m.sign())
        return loss


class SAM(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-2, rho=0.05):
        super().__init__(params, dict(lr=lr, rho=rho))

    @torch.no_grad()
    def step(self, closure):
        with torch.enable_grad():
            loss = closure()
        grads = [p.grad for g in self.param_groups for p in g["params"] if p.grad is not None]
        norm = torch.stack([g.norm() for g in grads]).norm()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                e = group["rho"] * p.grad / (norm + 1e-12)
                self.state[p]["e"] = e
                p.add_(e)
        with torch.enable_grad():
            closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if "e" in self.state[p]:
                    p.sub_(self.state[p]["e"])
                p.sub_(group["lr"] * p.grad)
        return loss


class Nadam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["t"], s["m"], s["v"] = 0, torch.zeros_like(p), torch.zeros_like(p)
                s["t"] += 1
                g = p.grad.add(p, alpha=group["weight_decay"])
                s["m"].mul_(b1).add_(g, alpha=1 - b1)
                s["v"].mul_(b2).addcmul_(g, g, value=1 - b2)
                mh = b1 * s["m"] / (1 - b1 ** (s["t"] + 1)) + (1 - b1) * g / (1 - b1 ** s["t"])
                p.addcdiv_(mh, (s["v"] / (1 - b2 ** s["t"])).sqrt() + group["eps"], value=-group["lr"])
        return loss


class Shampoo(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-1, eps=1e-4):
        super().__init__(params, dict(lr=lr, eps=eps))

    def root(self, m, eps):
        w, u = torch.linalg.eigh(m)
        return u @ torch.diag(w.clamp(min=eps) ** -0.25) @ u.T

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, s, eps = p.grad, self.state[p], group["eps"]
                if g.dim() != 2:
                    p.add_(g, alpha=-group["lr"])
                    continue
                if not s:
                    s["l"] = eps * torch.eye(g.shape[0], dtype=g.dtype, device=g.device)
                    s["r"] = eps * torch.eye(g.shape[1], dtype=g.dtype, device=g.device)
                s["l"].add_(g @ g.T)
                s["r"].add_(g.T @ g)
                p.sub_(group["lr"] * self.root(s["l"], eps) @ g @ self.root(s["r"], eps))
        return loss


class RAdam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, s, lr = p.grad, self.state[p], group["lr"]
                if not s:
                    s["step"], s["m"], s["v"] = 0, torch.zeros_like(p), torch.zeros_like(p)
                s["step"] += 1
                t = s["step"]
                b1, b2 = group["betas"]
                s["m"].mul_(b1).add_(g, alpha=1 - b1)
                s["v"].mul_(b2).addcmul_(g, g, value=1 - b2)
                m = s["m"] / (1 - b1**t)
                rho_inf = 2 / (1 - b2) - 1
                rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
                if rho > 5:
                    r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
                    p.sub_(lr * r * m * math.sqrt(1 - b2**t) / (s["v"].sqrt() + group["eps"]))
                else:
                    p.sub_(lr * m)
        return loss


class GradientDescentWithMomentum(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, momentum=0.9):
        super().__init__(params, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, s, lr = p.grad, self.state[p], group["lr"]
                v = s.get("v", torch.zeros_like(p))
                s["v"] = group["momentum"] * v + g
                p.sub_(lr * s["v"])
        return loss
