//! Automatic differentiation over the large steps.
//!
//! A [`Tape`] is a [`Backend`] that runs each step on the backend beneath it and writes down what the step's backward needs. The model code
//! does not know that it is being recorded. [`Tape::backward`] replays the record in reverse.

use std::cell::{Cell, RefCell};

use crate::backend::{Backend, CacheShape, Differentiable, Gradients, Qkv, WeightSpec};
use crate::batch::Batch;
use crate::step::{Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv};
use crate::{Error, Result};

/// A tensor with a place on the tape.
#[derive(Clone, Debug)]
pub struct Variable<T> {
    id: usize,
    /// Its value.
    pub value: T,
}

enum Record<B: Differentiable> {
    Embed {
        step: Embed<B::Weight>,
        batch: B::Batch,
        out: usize,
    },
    ProjectQkv {
        step: Box<ProjectQkv<B::Weight>>,
        saved: B::Saved,
        batch: B::Batch,
        x: usize,
        out: Qkv<usize>,
    },
    Attend {
        step: Attend,
        saved: B::Saved,
        batch: B::Batch,
        input: Qkv<usize>,
        out: usize,
    },
    ProjectAdd {
        step: ProjectAdd<B::Weight>,
        saved: B::Saved,
        a: usize,
        x: usize,
        out: usize,
    },
    GatedMlp {
        step: Box<GatedMlp<B::Weight>>,
        saved: B::Saved,
        x: usize,
        out: usize,
    },
}

/// Records steps of one forward pass.
pub struct Tape<'b, B: Differentiable> {
    backend: &'b B,
    records: RefCell<Vec<Record<B>>>,
    variables: Cell<usize>,
}

impl<'b, B: Differentiable> Tape<'b, B> {
    /// An empty tape over a backend.
    pub fn new(backend: &'b B) -> Self {
        Tape {
            backend,
            records: RefCell::default(),
            variables: Cell::new(0),
        }
    }

    /// A variable that no step made.
    pub fn variable(&self, value: B::Tensor) -> Variable<B::Tensor> {
        let id = self.variables.get();
        self.variables.set(id + 1);
        Variable { id, value }
    }

    /// From the gradient of `output`, adds the gradients of all weights on the tape to `gradients`, and returns that of `input`
    /// (`None` where the output does not depend on it). Frees what steps had saved, as it goes.
    pub fn backward(
        self,
        output: &Variable<B::Tensor>,
        gradient: B::Tensor,
        input: Option<&Variable<B::Tensor>>,
        gradients: &mut Gradients<B::Tensor>,
    ) -> Result<Option<B::Tensor>> {
        let backend = self.backend;
        let mut flow = Flow {
            backend,
            gradients: (0..self.variables.get()).map(|_| None).collect(),
        };
        flow.add(output.id, gradient)?;
        for record in self.records.into_inner().into_iter().rev() {
            match record {
                Record::GatedMlp { step, saved, x, out } => {
                    let Some(dy) = flow.take(out) else { continue };
                    flow.add(x, backend.gated_mlp_backward(&step, &saved, &dy, gradients)?)?;
                }
                Record::ProjectAdd { step, saved, a, x, out } => {
                    let Some(dy) = flow.take(out) else { continue };
                    flow.add(a, backend.project_add_backward(&step, &saved, &dy, gradients)?)?;
                    flow.add(x, dy)?;
                }
                Record::Attend {
                    step,
                    saved,
                    batch,
                    input,
                    out,
                } => {
                    let Some(dy) = flow.take(out) else { continue };
                    let d = backend.attend_backward(&step, &saved, &batch, &dy)?;
                    flow.add(input.q, d.q)?;
                    flow.add(input.k, d.k)?;
                    flow.add(input.v, d.v)?;
                }
                Record::ProjectQkv {
                    step,
                    saved,
                    batch,
                    x,
                    out,
                } => {
                    let (Some(q), Some(k), Some(v)) = (flow.take(out.q), flow.take(out.k), flow.take(out.v)) else {
                        continue;
                    };
                    flow.add(x, backend.project_qkv_backward(&step, &saved, &batch, &Qkv { q, k, v }, gradients)?)?;
                }
                Record::Embed { step, batch, out } => {
                    let Some(dy) = flow.take(out) else { continue };
                    backend.embed_backward(&step, &batch, &dy, gradients)?;
                }
            }
        }
        Ok(input.and_then(|input| flow.take(input.id)))
    }

    fn record(&self, record: Record<B>) {
        self.records.borrow_mut().push(record);
    }
}

/// Gradients of variables on their way back.
struct Flow<'b, B: Differentiable> {
    backend: &'b B,
    gradients: Vec<Option<B::Tensor>>,
}

impl<B: Differentiable> Flow<'_, B> {
    fn take(&mut self, id: usize) -> Option<B::Tensor> {
        self.gradients[id].take()
    }

    fn add(&mut self, id: usize, gradient: B::Tensor) -> Result<()> {
        self.gradients[id] = Some(match self.gradients[id].take() {
            Some(old) => self.backend.add(&old, &gradient)?,
            None => gradient,
        });
        Ok(())
    }
}

impl<B: Differentiable> Backend for Tape<'_, B> {
    type Tensor = Variable<B::Tensor>;
    type Weight = B::Weight;
    type Cache = B::Cache;
    type Batch = B::Batch;
    type Upload = B::Upload;

    fn name(&self) -> String {
        self.backend.name()
    }
    fn max_rows(&self) -> usize {
        self.backend.max_rows()
    }
    fn begin_weight(&self, spec: &WeightSpec) -> Result<Self::Upload> {
        self.backend.begin_weight(spec)
    }
    fn write_weight(&self, upload: &mut Self::Upload, rows: &[u8]) -> Result<()> {
        self.backend.write_weight(upload, rows)
    }
    fn finish_weight(&self, upload: Self::Upload) -> Result<Self::Weight> {
        self.backend.finish_weight(upload)
    }
    fn new_cache(&self, shape: &CacheShape) -> Result<Self::Cache> {
        self.backend.new_cache(shape)
    }
    fn upload_batch(&self, batch: &Batch) -> Result<Self::Batch> {
        self.backend.upload_batch(batch)
    }

    fn embed(&self, step: &Embed<B::Weight>, batch: &B::Batch) -> Result<Self::Tensor> {
        let out = self.variable(self.backend.embed(step, batch)?);
        self.record(Record::Embed {
            step: step.clone(),
            batch: batch.clone(),
            out: out.id,
        });
        Ok(out)
    }

    fn project_qkv(&self, step: &ProjectQkv<B::Weight>, x: &Self::Tensor, batch: &B::Batch) -> Result<Qkv<Self::Tensor>> {
        let (qkv, saved) = self.backend.project_qkv_saving(step, &x.value, batch)?;
        let qkv = Qkv {
            q: self.variable(qkv.q),
            k: self.variable(qkv.k),
            v: self.variable(qkv.v),
        };
        let out = Qkv {
            q: qkv.q.id,
            k: qkv.k.id,
            v: qkv.v.id,
        };
        self.record(Record::ProjectQkv {
            step: Box::new(step.clone()),
            saved,
            batch: batch.clone(),
            x: x.id,
            out,
        });
        Ok(qkv)
    }

    fn attend(&self, step: &Attend, qkv: &Qkv<Self::Tensor>, batch: &B::Batch, cache: Option<&B::Cache>) -> Result<Self::Tensor> {
        if cache.is_some() {
            return Err(Error::Input("gradients do not flow through a KV cache; train without one".into()));
        }
        let values = Qkv {
            q: qkv.q.value.clone(),
            k: qkv.k.value.clone(),
            v: qkv.v.value.clone(),
        };
        let (out, saved) = self.backend.attend_saving(step, &values, batch)?;
        let out = self.variable(out);
        let input = Qkv {
            q: qkv.q.id,
            k: qkv.k.id,
            v: qkv.v.id,
        };
        self.record(Record::Attend {
            step: step.clone(),
            saved,
            batch: batch.clone(),
            input,
            out: out.id,
        });
        Ok(out)
    }

    fn project_add(&self, step: &ProjectAdd<B::Weight>, a: &Self::Tensor, x: &Self::Tensor) -> Result<Self::Tensor> {
        let (out, saved) = self.backend.project_add_saving(step, &a.value, &x.value)?;
        let out = self.variable(out);
        self.record(Record::ProjectAdd {
            step: step.clone(),
            saved,
            a: a.id,
            x: x.id,
            out: out.id,
        });
        Ok(out)
    }

    fn gated_mlp(&self, step: &GatedMlp<B::Weight>, x: &Self::Tensor) -> Result<Self::Tensor> {
        let (out, saved) = self.backend.gated_mlp_saving(step, &x.value)?;
        let out = self.variable(out);
        self.record(Record::GatedMlp {
            step: Box::new(step.clone()),
            saved,
            x: x.id,
            out: out.id,
        });
        Ok(out)
    }

    // The head is where gradients start (`Differentiable::head_loss`), so reading it leaves no record.
    fn head_logits(&self, step: &Head<B::Weight>, x: &Self::Tensor, rows: &[u32]) -> Result<Self::Tensor> {
        Ok(self.variable(self.backend.head_logits(step, &x.value, rows)?))
    }
    fn head_tokens(&self, step: &Head<B::Weight>, x: &Self::Tensor, rows: &[u32], tokens: &[u32]) -> Result<Self::Tensor> {
        Ok(self.variable(self.backend.head_tokens(step, &x.value, rows, tokens)?))
    }
    fn head_log_probs(&self, step: &Head<B::Weight>, x: &Self::Tensor, rows: &[u32], targets: &[u32]) -> Result<Self::Tensor> {
        Ok(self.variable(self.backend.head_log_probs(step, &x.value, rows, targets)?))
    }
    fn head_best(&self, step: &Head<B::Weight>, x: &Self::Tensor, rows: &[u32]) -> Result<Self::Tensor> {
        Ok(self.variable(self.backend.head_best(step, &x.value, rows)?))
    }

    async fn read(&self, tensor: &Self::Tensor) -> Result<Vec<f32>> {
        self.backend.read(&tensor.value).await
    }
    fn flush(&self) -> Result<()> {
        self.backend.flush()
    }
}
