// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.List;
import java.util.Locale;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.CTabFolder;
import org.eclipse.swt.custom.CTabItem;
import org.eclipse.swt.custom.StackLayout;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.IMemento;
import org.eclipse.ui.IViewSite;
import org.eclipse.ui.PartInitException;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.part.ViewPart;
import org.snapback.core.Session;
import org.snapback.core.SessionState;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.Notices;
import org.snapback.ui.internal.TargetSession;

/** Lists the snapshots of the target session, to go back to one, name, save or delete it; and, on a second tab, those that are saved. */
public final class SnapshotsView extends ViewPart implements Notices.Place {

    public static final String ID = "org.snapback.ui.snapshots";

    private static final int FILTER_WIDTH = 150;
    private static final int TAB_SESSION = 0;
    private static final int TAB_SAVED = 1;

    private final Runnable refresh = this::refresh;
    private IMemento saved;
    private MessageBar message;
    private Label description;
    private Text filter;
    private CTabFolder tabs;
    private boolean shownSession;
    private Composite pages;
    private SavedSection savedSection;
    private SnapshotTable table;
    private SnapshotActions actions;
    private EmptyState empty;

    @Override
    public void init(IViewSite site, IMemento memento) throws PartInitException {
        super.init(site, memento);
        saved = memento;
    }

    @Override
    public void createPartControl(Composite parent) {
        GridLayoutFactory.fillDefaults().spacing(0, 2).applyTo(parent);
        message = new MessageBar(parent);
        createHeading(parent);
        createPages(parent);
        actions = new SnapshotActions(getViewSite(), table);
        actions.keysToTable(true);
        table.restore(saved);
        filter.setText(table.filter());
        getSite().setSelectionProvider(table.viewer());
        table.viewer().addSelectionChangedListener(event -> describeSelection());
        PlatformUI.getWorkbench().getHelpSystem().setHelp(parent, "org.snapback.ui.snapshots_view");
        TargetSession.get().addListener(refresh);
        refresh();
    }

    /** Which session this is and how it stands, beside the filter. */
    private void createHeading(Composite parent) {
        Composite heading = new Composite(parent, SWT.NONE);
        GridLayoutFactory.fillDefaults().numColumns(2).margins(4, 0).applyTo(heading);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(heading);
        description = new Label(heading, SWT.NONE);
        GridDataFactory.fillDefaults().align(SWT.FILL, SWT.CENTER).grab(true, false).applyTo(description);
        createFilter(heading);
    }

    private void createFilter(Composite parent) {
        filter = new Text(parent, SWT.SEARCH | SWT.ICON_SEARCH | SWT.ICON_CANCEL);
        filter.setMessage(Messages.filterHint);
        filter.getAccessible().addAccessibleListener(new Named(Messages.filterName));
        filter.setToolTipText(Messages.filterName);
        GridDataFactory.fillDefaults().hint(FILTER_WIDTH, SWT.DEFAULT).applyTo(filter);
        filter.addListener(SWT.Modify, event -> {
            table.filter(filter.getText());
            refresh();
        });
        filter.addListener(SWT.KeyDown, event -> {
            if (event.keyCode == SWT.ARROW_DOWN) {
                table.table().setFocus();
            }
        });
        filter.addListener(SWT.FocusIn, event -> actions.keysToTable(false));
        filter.addListener(SWT.FocusOut, event -> actions.keysToTable(true));
    }

    private void createPages(Composite parent) {
        tabs = new CTabFolder(parent, SWT.BOTTOM | SWT.FLAT);
        GridDataFactory.fillDefaults().grab(true, true).applyTo(tabs);
        pages = new Composite(tabs, SWT.NONE);
        pages.setLayout(new StackLayout());
        table = new SnapshotTable(new Composite(pages, SWT.NONE));
        table.onEditing(editing -> actions.keysToTable(!editing));
        empty = new EmptyState(pages);
        savedSection = new SavedSection(tabs, getSite(), this::showSaved);
        tab(Messages.tabSession, pages);
        tab("", savedSection.control());
        tabs.setSelection(TAB_SESSION);
        showSaved();
    }

    private void tab(String name, Control page) {
        CTabItem tab = new CTabItem(tabs, SWT.NONE);
        tab.setText(name);
        tab.setControl(page);
    }

    /** As long as nothing is saved, there is nothing to choose between. */
    private void showSaved() {
        int count = savedSection.count();
        tabs.getItem(TAB_SAVED).setText(Messages.bind(Messages.tabSaved, count));
        tabs.setTabHeight(count == 0 ? 0 : SWT.DEFAULT);
        if (count == 0) {
            tabs.setSelection(TAB_SESSION);
        } else if (!shownSession) {
            tabs.setSelection(TAB_SAVED);
        }
        tabs.layout();
    }

    /** A session that comes is shown; when it goes, what is left of it: the saved snapshots. */
    private void turnToTab(boolean session) {
        if (session != shownSession) {
            shownSession = session;
            tabs.setSelection(session || savedSection.count() == 0 ? TAB_SESSION : TAB_SAVED);
        }
    }

    private void refresh() {
        Session session = TargetSession.get().session().orElse(null);
        turnToTab(session != null);
        table.show(session);
        actions.enable();
        empty.explain(session);
        boolean nothing = table.snapshots().isEmpty();
        filter.setEnabled(!nothing);
        turnTo(nothing ? empty.control() : table.table().getParent());
        description.setText(session == null ? "" : describe(session));
        description.setToolTipText(description.getText());
    }

    private void turnTo(Control page) {
        StackLayout layout = (StackLayout) pages.getLayout();
        if (layout.topControl != page) {
            layout.topControl = page;
            pages.layout();
        }
    }

    private static String describe(Session session) {
        String state = stateName(session.state());
        return session.snapshot(session.currentSnapshot())
                .map(s -> Messages.bind(Messages.descriptionAt, new Object[] {session.name(), state, s.label()}))
                .orElseGet(() -> Messages.bind(Messages.description, session.name(), state));
    }

    private static String stateName(SessionState state) {
        return switch (state) {
            case STARTING -> Messages.stateStarting;
            case RUNNING -> Messages.stateRunning;
            case STOPPED -> Messages.stateStopped;
            case EXITED -> Messages.stateExited;
            case IDLE -> Messages.stateIdle;
            case ENDED -> Messages.stateEnded;
            case UNKNOWN -> state.name().toLowerCase(Locale.ROOT);
        };
    }

    /** The living snapshots that the user has selected. */
    public List<Snapshot> selected() {
        return table.selected();
    }

    private void describeSelection() {
        List<Snapshot> selected = table.selected();
        getViewSite()
                .getActionBars()
                .getStatusLineManager()
                .setMessage(selected.size() == 1 ? SnapshotText.details(selected.get(0)) : null);
    }

    @Override
    public void show(IStatus status) {
        message.show(status);
    }

    @Override
    public void saveState(IMemento memento) {
        if (table != null) {
            table.save(memento);
        }
    }

    @Override
    public void setFocus() {
        if (tabs.getSelectionIndex() == TAB_SAVED) {
            savedSection.setFocus();
        } else if (table.snapshots().isEmpty()) {
            empty.control().setFocus();
        } else {
            table.table().setFocus();
        }
    }

    @Override
    public void dispose() {
        TargetSession.get().removeListener(refresh);
        super.dispose();
    }
}
